"""PW707: proxy variables that do not do what somebody meant."""

from __future__ import annotations

import os
import subprocess

import pytest

from pipway.clients.proxy_variables import findings
from pipway.findings import Severity

BOTH = dict.fromkeys(("http_proxy", "https_proxy"), "http://p.example:1")


def test_sound_variables_have_none() -> None:
    assert findings(BOTH | {"no_proxy": "localhost,.corp,10.0.0.0/8,::1"}) == []
    assert findings({"ALL_PROXY": "http://p.example:1"}) == []
    assert findings({"NO_PROXY": "*"}) == []


@pytest.mark.parametrize(
    ("environ", "words", "severity"),
    [
        ({"https_proxy": "http://p.example:1"}, "http_proxy is not", Severity.LOW),
        ({"http_proxy": "http://p.example:1"}, "https_proxy is not", Severity.MEDIUM),
        (BOTH | {"HTTPS_PROXY": "http://q.example:1"}, "differ", Severity.MEDIUM),
        (BOTH | {"no_proxy": "a", "NO_PROXY": "b"}, "differ", Severity.MEDIUM),
        ({"all_proxy": "p.example:1"}, "no scheme", Severity.MEDIUM),
        ({"all_proxy": "proxy:1"}, "no scheme", Severity.HIGH),
        ({"all_proxy": "https://p.example:1"}, "TLS", Severity.MEDIUM),
        ({"all_proxy": "http://D\\u:hidden@p.example:1"}, "backslash", Severity.HIGH),
        ({"all_proxy": "http://u:hid#den@p.example:1"}, "#", Severity.HIGH),
        ({"all_proxy": "socks5://p.example:1"}, "SOCKS", Severity.LOW),
        ({"no_proxy": "localhost,*.corp"}, "*.corp", Severity.MEDIUM),
        ({"no_proxy": "localhost,*"}, "* among", Severity.MEDIUM),
        ({"no_proxy": "http://a.corp"}, "URL", Severity.MEDIUM),
        ({"no_proxy": "a.corp:443"}, "port", Severity.MEDIUM),
        ({"no_proxy": "a.corp b.corp"}, "comma", Severity.MEDIUM),
    ],
)
def test_each(environ: dict[str, str], words: str, severity: Severity) -> None:
    (one,) = findings(environ)
    assert one.id == "PW707"
    assert words in one.what
    assert one.severity == severity
    assert one.fix is not None
    assert "hid" not in repr(one)


def test_an_empty_one_in_lower_case_hides_the_other_from_pip() -> None:
    results = findings({"https_proxy": "", "HTTPS_PROXY": "http://p.example:1", "all_proxy": "http://p.example:1"})
    assert [one.what for one in results] == ["https_proxy is empty and HTTPS_PROXY is not"]


def test_windows_knows_no_case() -> None:
    assert findings({"HTTPS_PROXY": "http://p.example:1", "HTTP_PROXY": "http://p.example:1"}, windows=True) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "environ",
    [
        {"http_proxy": "http://p.example:1"},
        {"https_proxy": "http://p.example:1"},
        BOTH | {"HTTPS_PROXY": "http://q.example:1"},
        {"all_proxy": "p.example:1"},
        {"all_proxy": "https://p.example:1"},
        {"all_proxy": "http://D\\u:p@w@p.example:1"},
        {"no_proxy": "localhost,*.corp"},
        {"no_proxy": "localhost,*"},
        {"no_proxy": "a.corp:443"},
        {"no_proxy": "a.corp b.corp"},
    ],
)
def test_the_commands_mend(environ: dict[str, str]) -> None:
    commands = [command for one in findings(environ) if one.fix for command in one.fix.commands]
    assert commands
    script = "; ".join([*commands, "env -0"])
    given = environ | {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", script], env=given, capture_output=True, text=True, check=True)
    after = dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)
    assert findings(after) == []
