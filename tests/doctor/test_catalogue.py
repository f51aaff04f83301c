"""The catalogue: every cause is complete, is recognised in its own samples, and says nothing that it must not."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipway.doctor.catalogue import Cause, Remedy, catalogue, finding
from pipway.doctor.conditions import CONDITIONS
from pipway.doctor.explain import explain
from pipway.doctor.probes import PROBES
from pipway.findings import Severity

CAUSES = list(catalogue().values())
SAMPLES = [
    pytest.param(cause, sample, id=f"{cause.id}-{sample.tool}-{sample.version}-{number}")
    for cause in CAUSES
    for number, sample in enumerate(cause.samples)
    # the rest need the configuration as well as the log
    if all(not each.when for each in cause.signatures)
    or any(not each.when and each.pattern.search(sample.text) for each in cause.signatures)
]

#: Pieces that signatures are made of: in long rows they make a pattern that backtracks try everything.
HOSTILE = (
    *("(", "a" * 50, " ", "x" * 40 + "\n", "ERROR: ", "Retrying (Retry(", "': /", "for url: https://a/ ", "a.whl "),
    *(
        "Looking in indexes: https://a\n",
        "NewConnectionError(",
        "NewConnectionError(\n",
        "ReadTimeoutError(",
        "Failed to ",
    ),
    *("tcp connect error\n  cause: ", "https://files.example/a/b/", "Max retries exceeded with url: /", "[Errno "),
    *(
        "Tunnel connection failed: 4",
        "ProxyError('Cannot connect to proxy.', ",
        "Failed to fetch: https://a.whl\n",
        "'",
    ),
    *("cause: client error (Connect)\n", "certificate verify failed: ", "Could not find a version that satisfies x "),
    *(
        "Because ",
        "pipway: a was rejected by ",
        "DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE\n",
        "host='a' ",
        "\t",
    ),
)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_a_cause_is_complete(cause: Cause) -> None:
    assert cause.title
    assert cause.what
    assert cause.why
    assert cause.remedies, "nobody is helped by a cause without a fix"
    assert cause.probe or cause.signatures, "nothing would ever find it"
    for signature in cause.signatures:
        assert set(signature.when) <= set(CONDITIONS)
    if cause.probe:
        assert cause.probe in {probe.id for probe in PROBES}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_the_last_remedy_suits_everybody_or_the_cause_names_its_tools(cause: Cause) -> None:
    assert any(not each.tools and each.versions is None and not each.when for each in cause.remedies) or all(
        each.tools for each in cause.remedies
    )


@pytest.mark.parametrize(("cause", "sample"), SAMPLES)
def test_a_sample_is_named_as_its_cause(cause: Cause, sample: object) -> None:
    found = explain(sample.text, version=sample.version)  # type: ignore[attr-defined]
    assert found, "no signature knows it"
    assert found[0].cause.id == cause.id, [(each.cause.id, each.rank, each.line) for each in found]
    assert found[0].line in sample.text  # type: ignore[attr-defined]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_a_signature_takes_no_long_time(cause: Cause) -> None:
    """Regular expressions that backtrack would stall on a hostile log; every pattern is short of nested repeats."""
    for signature in cause.signatures:
        assert not re.search(r"\([^()]*[+*][^()]*\)[+*]", signature.pattern.pattern), signature.pattern.pattern
        for pattern in filter(None, (signature.pattern, signature.unless)):
            began = time.process_time()
            for piece in HOSTILE:
                pattern.search(piece * (8192 // len(piece)))
            assert time.process_time() - began < 3, pattern.pattern  # seconds; an honest one takes 0.01


def test_values_are_quoted_for_the_shell_in_commands_and_clean_in_prose() -> None:
    found = finding("proxy-login-required", proxy="p:1; rm -rf ~", schemes="Basic\x1b[31m", tool="pip")
    assert found.severity is Severity.HIGH
    assert "\x1b" not in found.what
    assert found.fix is not None
    assert not any(re.search(r"(?<!')p:1; rm", command.replace("USER@", "")) for command in found.fix.commands)


def test_a_fix_through_pipway_is_not_overruled_by_the_commands_own_options() -> None:
    command = "pip install --index-url http://index.example/simple/ --proxy proxy:1 parcel"
    fix = finding("index-http-ignored", index="http://index.example/simple/", command=command).fix
    assert fix is not None
    assert fix.commands == (
        "PIPWAY_UPSTREAM=http://index.example/simple/ pipway run -- pip install --proxy proxy:1 parcel",
    )
    fix = finding("proxy-speaks-socks", proxy="proxy:1", command=command).fix
    assert fix is not None
    assert "--via proxy -- pip install --index-url http://index.example/simple/ parcel" in fix.commands[-1]


@pytest.mark.slow
def test_no_value_of_any_command_is_run_by_a_shell(tmp_path: Path) -> None:
    values = ("$(>pwned)", "`>pwned`", "';>pwned;'", '";>pwned;"', "a\n>pwned\n", "|>pwned", "x&>pwned", "\\';>pwned;#")
    lines = {
        command
        for cause in CAUSES
        for remedy in cause.remedies
        for value in values
        for command in filled(remedy, value)
    }
    assert not [line for line in lines if "\n" in line]
    script = "\n".join(f"( eval {shlex.quote(line)} )" for line in sorted(lines))
    shell = {"PATH": str(tmp_path / "nothing"), "HOME": str(tmp_path)}
    subprocess.run(["/bin/bash", "-c", script], env=shell, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True)
    assert not (tmp_path / "pwned").exists()


def filled(remedy: Remedy, value: str) -> Sequence[str]:
    names = {*remedy.when, *re.findall(r"\{([a-z_]+)\}", "".join(remedy.commands))} - {"command"}
    known = dict.fromkeys(names, value)
    cause = dataclasses.replace(CAUSES[0], remedies=(dataclasses.replace(remedy, tools=frozenset(), versions=None),))
    fix = cause.finding(**{**known, "tool": "pip", "version": "1"}).fix
    assert fix is not None
    assert len(fix.commands) == len(remedy.commands)
    return fix.commands


def test_a_value_is_no_option() -> None:
    fix = finding("pac-ignored", proxy="--undo", command="pip install parcel").fix
    assert fix is not None
    assert "--undo" not in " ".join(fix.commands)


def test_a_secret_is_hidden_wherever_a_value_is_cut() -> None:
    for length in range(240, 300, 7):
        said = finding("client-fails", line=f"{'x' * length} https://alice:{'geheim' * 20}@index.example/").what
        assert "geheim" not in said


def test_what_is_not_known_is_a_word_in_capitals() -> None:
    found = finding("proxy-login-required")
    assert "PROXY" in found.what
    assert found.fix is not None
    assert "pip install PACKAGE" in found.fix.commands[-1]


def test_passwords_in_values_are_hidden() -> None:
    found = finding(
        "proxy-login-required", proxy="http://alice:geheim@proxy:1", command="pip --proxy http://a:geheim@p"
    )
    assert found.fix is not None
    assert "geheim" not in str(found)
    assert "geheim" not in " ".join(found.fix.commands)
