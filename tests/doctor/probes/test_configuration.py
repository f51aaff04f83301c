"""The first step: what an installer reads, what stops it, and what will be the reason when something else fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipway.clients.base import Installed, Surroundings
from pipway.clients.registry import CLIENTS
from pipway.doctor.base import Case, Facts, Result, Status, Subject
from pipway.doctor.probes.configuration import PROBE
from pipway.findings import Severity

INDEX = "https://index.example/simple/"
PROXY = "http://proxy.example:8080"


def case(
    folder: Path, environ: dict[str, str], *, tool: str = "pip", version: str = "26.3", command: Sequence[str] = ()
) -> Case:
    """An installer below `folder`, and nothing of this machine's configuration."""
    environ = {"PIP_INDEX_URL": INDEX, "UV_DEFAULT_INDEX": INDEX, **environ}
    surroundings = Surroundings(environ, folder, folder, root=folder / "root", command=tuple(command))
    installed = Installed(tool, (tool,), version, "3.11")
    effective = CLIENTS[tool].effective(surroundings, installed)
    subject = Subject(tool, installed, effective)
    index = environ["UV_DEFAULT_INDEX" if tool == "uv" else "PIP_INDEX_URL"]
    return Case(surroundings, subject, (), index, "parcel", tuple(command))


async def tried(made: Case) -> tuple[Result, Facts]:
    facts = Facts()
    return await PROBE.run(made, facts), facts


def suspected(facts: Facts) -> list[str]:
    return [each.finding.id for each in facts.suspicions]


async def test_a_sane_configuration_works_and_says_where_it_comes_from(tmp_path: Path) -> None:
    result, facts = await tried(case(tmp_path, {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY}))
    assert result.status is Status.WORKS, result
    assert "pip 26.3 on Python 3.11 asks https://index.example/simple/ (PIP_INDEX_URL)" in result.says
    assert "through http://proxy.example:8080 (HTTPS_PROXY)" in result.says
    assert facts.proxy is not None
    assert (facts.proxy.host, facts.proxy.port, facts.no_proxy) == ("proxy.example", 8080, False)
    assert facts.suspicions == []


@pytest.mark.parametrize(
    ("tool", "environ", "cause"),
    [
        ("pip", {"HTTPS_PROXY": "http://CORP\\carol:geheim@proxy.example:1"}, "proxy-url-backslash"),
        ("uv", {"HTTPS_PROXY": "http://CORP\\carol:geheim@proxy.example:1"}, "proxy-url-backslash"),
        ("pip", {"HTTPS_PROXY": "http://bob:geh#eim@proxy.example:1"}, "proxy-url-cut"),
        ("uv", {"HTTPS_PROXY": "http://alice:geh@eim@proxy.example:1"}, "proxy-url-at"),
        ("pip", {"HTTPS_PROXY": "ftp://proxy.example:1"}, "proxy-url-unreadable"),
        ("pip", {"PIP_INDEX_URL": "index.example/simple/"}, "index-url-unreadable"),
        ("pip", {"PIP_INDEX_URL": "http://index.example/simple/"}, "index-http-ignored"),
        ("pip", {"PIP_NO_INDEX": "1"}, "index-switched-off"),
        ("uv", {"UV_OFFLINE": "true"}, "client-offline"),
    ],
)
async def test_what_stops_every_install_fails(tmp_path: Path, tool: str, environ: dict[str, str], cause: str) -> None:
    result, _ = await tried(case(tmp_path, environ, tool=tool))
    assert result.status is Status.FAILS
    failing = [each for each in result.findings if each.severity >= Severity.HIGH]
    assert [each.id for each in failing] == [cause]
    assert failing[0].fix
    assert failing[0].place
    assert "geh" not in str(result)


@pytest.mark.parametrize(
    ("tool", "environ"),
    [
        ("pip", {"HTTPS_PROXY": "http://alice:geh@eim@proxy.example:1"}),
        ("pip", {"PIP_INDEX_URL": "http://127.0.0.1:8080/simple/"}),
        ("pip", {"PIP_INDEX_URL": "http://index.example/simple/", "PIP_TRUSTED_HOST": "index.example"}),
        ("uv", {"UV_DEFAULT_INDEX": "http://index.example/simple/"}),
        ("pip", {"UV_OFFLINE": "1"}),
    ],
)
async def test_what_works_for_this_tool_does_not_fail(tmp_path: Path, tool: str, environ: dict[str, str]) -> None:
    result, _ = await tried(case(tmp_path, environ, tool=tool))
    assert result.status is not Status.FAILS, result


@pytest.mark.parametrize(
    ("tool", "environ", "cause", "step"),
    [
        ("pip", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, "proxy-variables-differ", "reach"),
        ("uv", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, "proxy-variables-differ", "reach"),
        ("pip", {"HTTP_PROXY": PROXY}, "proxy-for-http-only", "names"),
        ("pip", {"PIP_PROXY": PROXY, "NO_PROXY": "index.example"}, "no-proxy-lost", "connect"),
        ("pip", {"PIP_INDEX_URL": "https://dev@index.example/simple/"}, "index-user-alone", "index-wants-login"),
        ("pip", {"PIP_CONFIG_FILE": "/nowhere/pip.conf"}, "config-file-missing", "index"),
        ("pip", {"PIP_PROXY": PROXY, "REQUESTS_CA_BUNDLE": "/etc/ca.pem"}, "ca-variable-lost", "tls"),
    ],
)
async def test_what_may_explain_a_failure_is_a_suspicion_and_no_failure(
    tmp_path: Path, tool: str, environ: dict[str, str], cause: str, step: str
) -> None:
    result, facts = await tried(case(tmp_path, environ, tool=tool))
    assert result.status is not Status.FAILS
    suspicion = next(each for each in facts.suspicions if each.finding.id == cause)
    assert step in suspicion.explains
    assert suspicion.finding.severity >= Severity.HIGH
    assert all(each.severity <= Severity.MEDIUM for each in result.findings)


async def test_each_tool_takes_its_own_spelling(tmp_path: Path) -> None:
    both = {"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}
    assert "lower" in (await tried(case(tmp_path, both)))[0].says
    assert "upper" in (await tried(case(tmp_path, both, tool="uv")))[0].says


async def test_an_exception_of_no_proxy_is_seen(tmp_path: Path) -> None:
    result, facts = await tried(case(tmp_path, {"HTTPS_PROXY": PROXY, "NO_PROXY": ".example"}))
    assert facts.no_proxy
    assert "NO_PROXY excepts" in result.says


async def test_a_file_that_pip_never_reads_is_told_with_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / ".pip.conf").write_text("[global]\nindex-url = https://other.example/simple/\n")
    result, facts = await tried(case(tmp_path, {}))
    assert suspected(facts) == ["config-never-read"]
    assert [each.id for each in result.findings] == ["config-never-read"], "and not once more as PW701"
    fix = facts.suspicions[0].finding.fix
    assert fix is not None
    assert fix.commands[-1] == f"mv {tmp_path / '.pip.conf'} {tmp_path / '.config' / 'pip' / 'pip.conf'}"


async def test_a_file_that_stops_pip_fails_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[global]\ntrusted-host =\n    one.example\ntwo.example\n")
    result, _ = await tried(case(tmp_path, {}))
    assert result.status is Status.FAILS
    found = result.findings[0]
    assert found.id == "config-stops-client"
    assert str(found.place).startswith(f"{file}:4")
    assert found.fix is not None
    assert "4s" in found.fix.commands[0], "the client knows which line to indent"


async def test_the_leg_to_the_proxy_has_what_openssl_finds_where_pip_forgets_its_own_roots(tmp_path: Path) -> None:
    result, _ = await tried(case(tmp_path, {"HTTPS_PROXY": "https://proxy.example:8443"}, version="25.0.1"))
    assert "proxy-leg-roots" not in {each.id for each in result.findings}


@pytest.mark.parametrize(
    ("version", "environ", "command", "cause"),
    [
        ("25.0.1", {"HTTPS_PROXY": PROXY}, (), "system-roots-lost"),
        ("25.0", {}, (), "builds-without-system-roots"),
        ("26.1", {"HTTPS_PROXY": "https://proxy.example:8443"}, (), "proxy-leg-roots"),
        ("23.3", {"HTTPS_PROXY": "https://proxy.example:8443"}, (), "proxy-leg-roots"),
        ("24.3", {}, ("pip", "install", "--proxy", PROXY, "parcel"), "proxy-kept-from-builds"),
        ("25.1", {}, (), "download-not-resumed"),
        ("24.0", {"SSL_CERT_FILE": "/etc/ca.pem"}, (), "ca-variable-not-read"),
    ],
)
async def test_what_a_version_does_is_a_remark_where_it_concerns_this_configuration(
    tmp_path: Path, version: str, environ: dict[str, str], command: tuple[str, ...], cause: str
) -> None:
    result, _ = await tried(case(tmp_path, environ, version=version, command=command))
    told = {each.id: each for each in result.findings}
    assert cause in told
    assert told[cause].severity <= Severity.MEDIUM
    assert told[cause].fix
    newest, _ = await tried(case(tmp_path, environ, command=command))
    assert cause not in {each.id for each in newest.findings}
