"""`pipway explain`: the text passes through, the cause goes to standard error, and the exit code tells."""

from __future__ import annotations

import codecs
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipway.cli import main

LOG = """Looking in indexes: https://index.example/simple
WARNING: Retrying (Retry(total=4)) after connection broken by 'OSError('Tunnel connection failed: 407 sorry')': /simple/parcel/
ERROR: No matching distribution found for parcel
"""  # noqa: E501


def explained(*arguments: str, here: bool = False) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["explain", *([] if here else ["--elsewhere"]), *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped(io.BytesIO(LOG.encode())))


def test_a_file_is_read_and_the_cause_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pip.log"
    log.write_text(LOG)
    assert explained(str(log)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "[proxy-login-required]" in said.err
    assert "2: WARNING: Retrying" in said.err
    assert "$ pipway credentials add" in said.err


@pytest.mark.usefixtures("piped")
def test_what_is_piped_passes_through_unchanged(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert explained() == 0
    said = capfdbinary.readouterr()
    assert said.out == LOG.encode()
    assert b"proxy-login-required" in said.err


@pytest.mark.usefixtures("piped")
def test_json_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["version"] == 1
    assert report["cause"] == "proxy-login-required"
    assert report["causes"][0]["number"] == 2


def test_what_is_not_known_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text("Segmentation fault\n")
    assert explained(str(log)) == 1
    assert "does not know" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_log_is_an_error_with_its_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert explained(str(log)) == 2
    assert "2>&1 | pipway explain" in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(str(tmp_path / "no")) == 2
    assert "[no-log]" in capsys.readouterr().err


def test_passwords_of_the_log_are_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text(LOG.replace("'OSError(", "http://alice:hunter2@proxy:1 'OSError("))
    assert explained(str(log)) == 0
    assert "hunter2" not in "".join(capsys.readouterr())


@pytest.mark.slow
def test_what_another_program_writes_appears_as_it_comes() -> None:
    """A person watches an install through the pipe, and may be asked something that does not end the line."""
    command = [sys.executable, "-u", "-m", "pipway", "explain", "--elsewhere"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"User for index.example: ")
        assert process.stdout.read(24) == b"User for index.example: "
        process.stdin.close()


def test_a_log_of_powershell_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pip.log"
    log.write_bytes(codecs.BOM_UTF16_LE + LOG.replace("\n", "\r\n").encode("utf-16-le"))
    assert explained(str(log)) == 0
    assert "2: WARNING: Retrying" in capsys.readouterr().err


def test_an_install_that_worked_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pip.log"
    log.write_text(LOG.splitlines()[1] + "\nCollecting parcel\nSuccessfully installed parcel-1.0\n")
    assert explained(str(log)) == 0
    said = capsys.readouterr().err
    assert "Nothing failed here" in said
    assert "proxy" not in said
    assert explained("--json", str(log)) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "cause": None, "succeeded": True, "causes": []}


def test_an_extra_index_is_no_failure_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the name is somebody else's the log does not show: it is told as what to look at."""
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://extra.example/simple/")
    log = tmp_path / "pip.log"
    log.write_text("Collecting parcel\nSuccessfully installed parcel-99.0\n")
    assert explained(str(log), here=True) == 0
    said = capsys.readouterr().err
    assert said.index("Nothing failed here") < said.index("If it is not what was wanted") < said.index("extra.example")
    assert explained("--json", str(log), here=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["cause"], report["succeeded"]) == ("confused-index", True)


def test_a_hidden_cause_is_for_doctor_with_what_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "pip.log"
    log.write_text("ERROR: No matching distribution found for parcel>=2\n")
    assert explained(str(log)) == 0
    said = capsys.readouterr().err
    assert "$ pipway doctor -- pip install 'parcel>=2'" in said
    assert "  next " not in said
    log.write_text("Resolving dependencies...\n\nAll attempts to connect to index.example failed.\n")
    assert explained(str(log)) == 0
    assert "with -v" in capsys.readouterr().err
