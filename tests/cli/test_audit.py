"""`pipway audit` as people and CI use it: what it prints, how it leaves, what it writes."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from tests.audit.patching import applied
from typer.testing import CliRunner

from pipway.audit import rules
from pipway.audit.base import Rule
from pipway.audit.rules import Explained
from pipway.audit.run import Failed
from pipway.cli import Invocation
from pipway.cli.audit import app
from pipway.errors import PipwayError, UsageError
from pipway.findings import Severity

HTTP = "--index-url http://nexus.corp/simple/\nflask==3.0.0\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    """Standard output and error."""
    done = CliRunner().invoke(app, arguments, obj=Invocation())
    if isinstance(done.exception, PipwayError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def audit(*arguments: str, code: int = 0) -> str:
    """With one rule, so that other rules change nothing here."""
    return run("--only", "PW101", *arguments, code=code)


def test_exit_codes(here: Path) -> None:
    """0 clean, 1 findings, 2 usage, 4 nothing to audit; 3 is tested below."""
    assert "nothing to audit" in audit(code=4)
    (here / "requirements.txt").write_text("flask==3.0.0\n")
    assert audit().startswith("0 findings in 1 file")
    (here / "requirements.txt").write_text(HTTP)
    assert "medium[PW101]" in audit(code=1)
    audit("--fail-on", "high")
    audit("--fail-on", "medium", code=1)
    audit("--exit-zero")
    for wrong in (["--fail-on", "x"], ["--format", "x"], ["--persona", "x"], ["gone"], ["--ignore", "PW999"]):
        with pytest.raises(UsageError) as raised:
            audit(*wrong)
        assert raised.value.exit_code == 2


def test_who_reads_may_have_seen_enough(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pipway audit | head` does: nothing is said of it."""
    (here / "requirements.txt").write_text(HTTP)

    def closed(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("pipway.audit.formats.write", closed)
    assert audit(code=1) == ""


def test_a_rule_that_fails_is_an_internal_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(project: object) -> list[object]:
        raise ZeroDivisionError("secret-word")

    broken = Explained(Rule("PW999", "broken-rule", "Broken", Severity.LOW), check, "")  # type: ignore[arg-type]
    monkeypatch.setattr(rules, "rules", lambda **_: {"PW999": broken})
    (here / "requirements.txt").write_text(HTTP)
    with pytest.raises(Failed, match="PW999") as raised:
        run(code=3)
    assert raised.value.exit_code == 3
    assert "secret-word" not in str(raised.value)


def test_files_and_folders(here: Path) -> None:
    """Paths are relative to the folder, or to where one stands."""
    for name in ("a", "b"):
        (here / name).mkdir()
        (here / name / "requirements.txt").write_text(HTTP)
    assert "requirements.txt:1:13: medium" in audit("a", "--format", "concise", code=1)
    assert "\nb/requirements.txt:1:13" in audit("a/requirements.txt", "b", "--format", "concise", code=1)


def test_configuration_and_comments(here: Path) -> None:
    (here / "requirements.txt").write_text(HTTP)
    (here / "pyproject.toml").write_text('[tool.pipway.audit.per-file-ignores]\n"req*" = ["PW101"]\n')
    audit()
    (here / "other.toml").write_text("fail-on = 'critical'\n")
    assert "1 medium" in audit("--config", "other.toml")
    (here / "pyproject.toml").unlink()
    (here / "requirements.txt").write_text(f"# pipway: ignore[PW101] a reason\n{HTTP}")
    assert "1 suppressed" in audit()


def test_a_baseline_leaves_out_what_was_there(here: Path) -> None:
    (here / "requirements.txt").write_text(HTTP)
    assert "1 findings written" in audit("--write-baseline", "base.json")
    assert "1 in the baseline" in audit("--baseline", "base.json")
    (here / "requirements.txt").write_text(f"# moved\n\n{HTTP}--extra-index-url http://new.corp/simple\n")
    shown = audit("--baseline", "base.json", "--format", "concise", code=1)
    assert "requirements.txt:5:19" in shown
    assert "requirements.txt:3" not in shown


def test_fixes(here: Path) -> None:
    """Only what is asked for; the diff writes nothing and shows no secret; what is mended is clean."""
    file = here / "requirements.txt"
    file.write_text(HTTP.replace("//", "//us:secret-word@"))
    audit("--fix", code=1)
    assert "http://us" in file.read_text()
    shown = audit("--unsafe-fixes", "--diff", code=1)
    assert "+--index-url https://[hidden]@nexus.corp" in shown
    assert "secret-word" not in shown
    assert "http://us" in file.read_text()
    assert "mended requirements.txt" in audit("--unsafe-fixes")
    assert file.read_text() == HTTP.replace("http://", "https://us:secret-word@")
    assert "mended" not in audit("--unsafe-fixes")


def test_formats_reach_standard_output(here: Path) -> None:
    (here / "requirements.txt").write_text(HTTP)
    assert json.loads(audit("--format", "json", code=1))["findings"][0]["rule"] == "PW101"
    assert json.loads(audit("--format", "sarif", code=1))["version"] == "2.1.0"


def test_explain() -> None:
    assert "PW101 Plain-http index [plain-http-index], medium" in run("--explain", "pw101")
    assert run("--explain", "plain-http-index") == run("--explain", "PW101")
    assert "PW201" in run("--explain", "all")
    with pytest.raises(UsageError):
        run("--explain", "PW000")


def test_the_machine(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("PIP_INDEX_URL", "http://us:secret-word@nexus.corp/simple")
    shown = run("--machine", "--only", "PW101", code=1)
    assert "--> PIP_INDEX_URL\n" in shown
    assert "secret-word" not in shown
    assert "mended" not in run("--machine", "--only", "PW101", "--unsafe-fixes", code=1)


def test_the_diff_is_what_a_fix_writes(here: Path) -> None:
    """All rounds of it."""
    texts = {
        "pip.conf": "\ufeff[global]\nindex-url = http://nexus.corp/simple\ntrusted-host =\n    nexus.corp\n",
        "uv.toml": 'allow-insecure-host = ["a.corp", "b.corp", "c.corp"]\nindex-strategy = "unsafe-best-match"',
        "Dockerfile": "FROM x\nENV PIP_TRUSTED_HOST=a.corp GIT_SSL_NO_VERIFY=1\n"
        "RUN pip install --pre --trusted-host=a.corp -i http://a.corp/s x\n",
    }
    for name, text in texts.items():
        (here / name).write_text(text)
    shown = run("--unsafe-fixes", "--diff", code=1)
    assert "hidden" not in shown
    assert {name: (here / name).read_text() for name in texts} == texts
    wanted = {name: applied(shown, name, text) for name, text in texts.items()}
    run("--unsafe-fixes", "--exit-zero")
    assert {name: (here / name).read_text() for name in texts} == wanted
    assert all(wanted[name] != text for name, text in texts.items())
    assert run("--unsafe-fixes", "--diff") == ""


def test_a_diff_hides_what_stands_around(here: Path) -> None:
    """And says that it does not apply."""
    (here / "release.sh").write_text("twine upload -u me -p secret-word dist/*\npip install --trusted-host a.corp x\n")
    shown = run("--unsafe-fixes", "--diff", code=1)
    assert "secret-word" not in shown
    assert shown.startswith("# something in this file is hidden")
