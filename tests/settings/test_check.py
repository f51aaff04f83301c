"""Settings that work and still deserve a remark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipway import platforms
from pipway.findings import Severity
from pipway.settings import Address, Settings, Upstream, load
from pipway.settings.check import advise
from pipway.settings.table import Access, Forward, Server


def ids(settings: Settings) -> list[str]:
    return [finding.id for finding in advise(settings)]


def listening(host: str) -> Settings:
    return replace(Settings(), server=Server(listen=Address(host, 3141)))


def test_the_defaults_need_no_remark() -> None:
    """Otherwise nobody would read the remarks."""
    assert ids(Settings()) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_nobody_elses_business(host: str) -> None:
    """RFC 6761 §6.3: localhost is loopback."""
    assert ids(listening(host)) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "pipway.example"])
def test_listening_for_everybody_is_no_remark_but_a_fault(host: str) -> None:
    """The server does not start like that; `pipway settings check` says so with its exit code."""
    [finding] = advise(listening(host))
    assert (finding.id, finding.severity) == ("open-to-others", Severity.HIGH)


def test_listening_for_some_is_fine() -> None:
    """An address list, or tokens; those are better not sent in clear text over strange networks."""
    some = replace(listening("0.0.0.0"), access=Access(allow_from=("10.0.0.0/8",)))
    assert ids(some) == []
    assert ids(replace(some, access=Access(tokens_file=Path("tokens")))) == ["tokens-in-clear"]


def test_reaching_everything_for_others_is_remarked() -> None:
    """On loopback it is the default."""
    some = replace(listening("0.0.0.0"), access=Access(allow_from=("10.0.0.0/8",)), forward=Forward(reach="everything"))
    assert ids(some) == ["reaches-everything"]
    assert ids(replace(some, server=Server())) == []


def test_clear_text_is_remarked_without_the_password() -> None:
    """The remark says that the password can be read, not which it is."""
    [finding] = advise(replace(Settings(), upstreams=(Upstream("a", "http://alice:hunter2@index.example/"),)))
    assert finding.id == "clear-text-upstream"
    assert "password" in finding.why
    assert "hunter2" not in repr(finding)


def test_clear_text_to_this_machine_is_fine() -> None:
    """A test index on loopback is seen by nobody."""
    assert ids(replace(Settings(), upstreams=(Upstream("a", "http://127.0.0.1:8080/simple/"),))) == []


@pytest.mark.parametrize(
    "text",
    [
        'upstreams = ["https://alice:hunter2@index.example/"]',
        '[parent]\nurl = "http://alice:hunter2@proxy.example:8080"',
        '[[route]]\nmatch = "*"\nvia = [["http://first.example:8080", "http://alice:hunter2@proxy.example:8080"]]',
    ],
)
def test_a_password_others_can_read_is_remarked(tmp_path: Path, text: str) -> None:
    """Files that hold secrets are 0600."""
    path = tmp_path / "pipway.toml"
    path.write_text(f"{text}\n")
    path.chmod(0o644)
    expected = [] if platforms.WINDOWS else ["secret-readable"]  # Windows has no permission bits
    assert ids(load(config=path, environ={})) == expected
    path.chmod(0o600)
    assert ids(load(config=path, environ={})) == []
