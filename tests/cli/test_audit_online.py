"""Which pipway `pipway audit --online` asks, and that it cannot be led elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.tiny_http import Exchange, Reply, TinyServer

from pipway.audit.online.answers import Verdict
from pipway.audit.run import collect
from pipway.audit.walk import Tree
from pipway.cli import audit_online
from pipway.cli.audit_online import OnlyTo
from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.errors import Refused, UsageError
from pipway.settings import load


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://127.0.0.1:3141", "http://127.0.0.1:3141/"),
        ("http://127.0.0.1:3141/simple/", "http://127.0.0.1:3141/"),
        ("http://[::1]:3141/simple", "http://[::1]:3141/"),
        ("localhost:3141", "http://localhost:3141/"),
        ("https://index.example/pipway/simple/", "https://index.example/pipway/"),
    ],
)
def test_an_address_is_understood(given: str, meant: str) -> None:
    assert audit_online._read(given) == meant


@pytest.mark.parametrize("given", ["ftp://127.0.0.1/", "https://", "http://[", "https://a.example/?x", "http://::1:x/"])
def test_what_is_no_address_is_an_error(given: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        audit_online._read(given)


def test_another_machine_is_asked_over_https_only() -> None:
    with pytest.raises(UsageError, match="without TLS"):
        audit_online._read("http://index.example/")


def test_no_secret_is_taken_from_the_command_line() -> None:
    with pytest.raises(UsageError) as raised:
        audit_online._read("https://ci:hunter2@index.example/")
    assert "hunter2" not in str(raised.value)
    assert "netrc" in raised.value.fix


def test_by_default_the_settings_say_where(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("flask\n")
    with pytest.raises(UsageError, match=r"no pipway answers at http://127\.0\.0\.1:9/"):
        audit_online.joined(collect(Tree(tmp_path)), None, {"PIPWAY_LISTEN": "127.0.0.1:9"})


async def test_only_one_server_can_be_dialled() -> None:
    dialer = OnlyTo(Direct(), "127.0.0.1", 3141)
    for target in (Target("127.0.0.1", 3142), Target("127.0.0.2", 3141), Target("evil.example", 443)):
        with pytest.raises(Refused):
            await dialer.dial(target)


async def test_a_redirect_leads_nowhere_else(tmp_path: Path) -> None:
    """And what it hides is not known, which is said."""

    async def other(exchange: Exchange) -> None:
        await exchange.answer(Reply(200, {}, b"{}"))

    async def redirecting(exchange: Exchange) -> None:
        if exchange.request.path.startswith("/simple/"):
            await exchange.answer(Reply(302, {"Location": f"{elsewhere.origin}/simple/a/"}))
        else:
            await exchange.answer(Reply(200, {"Content-Type": "application/json"}, b'{"status": "ok", "indexes": []}'))

    elsewhere, server = TinyServer(other), TinyServer(redirecting)
    await elsewhere.start()
    await server.start()
    (tmp_path / "requirements.txt").write_text(f"a==1.0 --hash=sha256:{'0' * 64}\n")
    try:
        found = await audit_online._asked(collect(Tree(tmp_path)), f"{server.origin}/", load(environ={}), {})
    finally:
        await server.stop()
        await elsewhere.stop()
    assert found.answers.projects["a"].verdict is Verdict.SILENT
    assert "asks no other" in found.unanswered[0]
    assert elsewhere.requests == []
