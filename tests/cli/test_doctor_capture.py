"""The transcript that `pipway doctor --capture` writes: for its owner alone, over nothing, and without a secret."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path

import pytest
from tests.doctor.proxied import case
from tests.servers.in_thread import in_thread
from tests.servers.rude_proxy import RudeProxy, Say

from pipway.cli import main
from pipway.cli.doctor_capture import begin, finish
from pipway.doctor.base import Facts, fails
from pipway.doctor.catalogue import finding
from pipway.doctor.run import Report, Step
from pipway.errors import UsageError
from pipway.findings import Finding, Severity
from pipway.wire.proxy_url import parse_proxy_url

URL = "http://alice:geheim@proxy.example:8080"


def test_it_says_who_what_and_when_and_no_secret(tmp_path: Path) -> None:
    made = case(tmp_path, URL, index="https://alice:geheim@index.example/simple/")
    facts = Facts(proxy=parse_proxy_url(URL), software="squid/6.12", transcript=["  0.010 > CONNECT index.example:443"])
    step = Step("login", "x", fails(f"{URL} says no", finding("proxy-login-refused", tool="pip")), 0.25)
    file = begin(tmp_path / "capture.txt")
    finish(file, Report(made, (step,), facts))
    text = (tmp_path / "capture.txt").read_text()
    assert "geheim" not in text
    for said in (
        "pipway    ",
        "OpenSSL",
        "proxy.example:8080 (squid/6.12)",
        "index.example/simple/",
        "[proxy-login-refused]",
    ):
        assert said in text
    assert text.endswith("  0.010 > CONNECT index.example:443\n")
    assert stat.S_IMODE((tmp_path / "capture.txt").stat().st_mode) == 0o600


def test_whoever_reads_it_on_a_terminal_is_told_and_not_obeyed(tmp_path: Path) -> None:
    made, evil = case(tmp_path, URL), "\x1b]0;title\x07\x9b31m\u202e"
    step = Step("tls", "x", fails(evil, Finding("broken", Severity.HIGH, evil)), 0.25)
    file = begin(tmp_path / "capture.txt")
    finish(file, Report(made, (step,), Facts(software=evil, transcript=[f"* no TLS: {evil}"])))
    text = (tmp_path / "capture.txt").read_text()
    assert all(sign == "\n" or sign.isprintable() for sign in text)


def test_a_file_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        begin(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_file_that_cannot_be_made_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        begin(tmp_path / "nowhere" / "file")


@pytest.mark.slow
def test_doctor_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = b'HTTP/1.1 407 no\r\nProxy-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n'
    with in_thread(RudeProxy([Say(refusal)])) as server:
        port = server.parent().port
        monkeypatch.setenv("HTTPS_PROXY", f"http://alice:geheim@127.0.0.1:{port}")
        monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple/")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PIPWAY_DATA", str(tmp_path / "data"))
        words = [
            "doctor",
            "--json",
            "--capture",
            str(tmp_path / "c"),
            "--",
            sys.executable,
            "-m",
            "pip",
            "install",
            "x",
        ]
        with pytest.raises(SystemExit):
            main(words)
    said = capsys.readouterr()
    assert json.loads(said.out)["first"] == "proxy-login-refused"
    assert f"written to {tmp_path / 'c'}:" in said.err
    text = (tmp_path / "c").read_text()
    assert "> CONNECT index.example:443 HTTP/1.1" in text
    assert "> Proxy-Authorization: Basic (12 bytes)" in text
    assert '< Proxy-Authenticate: Basic realm="corp"' in text
    assert base64.b64encode(b"alice:geheim").decode() not in text + said.out + said.err
    assert "geheim" not in text + said.out + said.err
