"""Parents that would make a careless client send a refused secret again, and clients that leave in the middle."""

from __future__ import annotations

import asyncio
import base64
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import spnego
import trustme
from tests.contracts.dialer import echo, listening
from tests.contracts.stream import trusting
from tests.dial.conftest import believing
from tests.dial.test_login import RIGHT, WRONG, World
from tests.servers.counting_proxy import CountingProxy, ntlm_users
from tests.servers.rude_proxy import RudeProxy, Say

from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.dial.gate import Gate
from pipway.dial.http import Client, Limits
from pipway.dial.login import Logins
from pipway.dial.negotiate.ntlm import nt_hash
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.errors import NoWayOut, PipwayError
from pipway.wire.auth.base import Asked, Rejected
from pipway.wire.auth.tokens import Step, TokenScheme

FILES = Target("files.example", 443)
OK = b"HTTP/1.1 200 fine\r\nContent-Length: 0\r\n\r\n"
_TOKEN = re.compile(rb"proxy-authorization: (ntlm|negotiate) (\S+)", re.IGNORECASE)


@pytest.fixture
def world(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> World:
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)
    found = World(tmp_path, authority)
    found.kept.credential = Credential("alice", nt_hash=nt_hash(WRONG))  # with which Kerberos cannot begin
    return found


def refusal(*challenges: str, end: str = "") -> bytes:
    offers = "".join(f"Proxy-Authenticate: {challenge}\r\n" for challenge in challenges)
    return f"HTTP/1.1 407 no\r\n{offers}{end}Content-Length: 0\r\n\r\n".encode()


def message(request: bytes) -> tuple[str, int]:
    """The scheme of a request's login, and which of NTLM's messages it carries; 0 for none."""
    found = _TOKEN.search(request)
    return (found[1].decode().lower(), base64.b64decode(found[2])[8]) if found else ("", 0)


def question(request: bytes) -> str:
    """NTLM's second message, as an answer to the first."""
    found = _TOKEN.search(request)
    assert found is not None
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    answer = server.step(base64.b64decode(found[2]))
    assert answer is not None
    return base64.b64encode(answer).decode()


def proofs(proxy: RudeProxy) -> int:
    return sum(message(request)[1] == 3 for request in proxy.requests)


async def failing(world: World, parent: Parent) -> PipwayError:
    with pytest.raises(PipwayError) as caught:
        async with asyncio.timeout(20):
            await world.dialer(parent).dial(FILES)
    return caught.value


async def test_a_verdict_is_one_although_it_comes_with_another_question_and_a_close(world: World) -> None:
    last = ""

    def answer(request: bytes) -> Say:
        nonlocal last
        match message(request):
            case (_, 1):
                last = question(request)
                return Say(refusal(f"NTLM {last}"))
            case (_, 3):
                return Say(refusal(f"NTLM {last}", end="Connection: close\r\n"), then="close")
            case _:
                return Say(refusal("NTLM"))

    async with RudeProxy(answer) as proxy:
        for _ in range(3):
            assert (await failing(world, proxy.parent())).code == "credential-rejected"
        assert proofs(proxy) == 1


async def test_silence_counts_although_another_scheme_is_refused_before_it(world: World) -> None:
    """Negotiate's hello is no answer to the proof that NTLM sent the last time."""

    def answer(request: bytes) -> Say:
        match message(request):
            case ("ntlm", 1):
                return Say(refusal("Negotiate", f"NTLM {question(request)}"))
            case ("ntlm", 3):
                return Say(b"", then="close")
            case _:
                return Say(refusal("Negotiate", "NTLM"))

    async with RudeProxy(answer) as proxy:
        codes = [(await failing(world, proxy.parent())).code for _ in range(6)]
        assert codes == ["parent-silent"] * 2 + ["credential-unanswered"] * 4
        assert proofs(proxy) == 2


async def test_a_parent_to_which_every_nonce_is_stale_is_not_asked_for_ever(world: World) -> None:
    world.kept.credential = Credential("alice", password=WRONG)
    async with RudeProxy([Say(refusal('Digest realm="x", nonce="n", stale=true'))]) as proxy:
        codes = [(await failing(world, proxy.parent())).code for _ in range(6)]
        assert codes == ["login-required"] * 2 + ["credential-unanswered"] * 4
        assert proxy.logins == 6


@pytest.mark.parametrize("status", [302, 403, 404, 500, 503])
async def test_a_parent_that_says_no_with_another_status(world: World, status: int) -> None:
    """Only a tunnel proves a password; 50 dials make four logons, and a restart none."""
    world.kept.credential = Credential("alice", password=WRONG)

    def answer(request: bytes) -> Say:
        if b"proxy-authorization" not in request.lower():
            return Say(refusal('Basic realm="x"'))
        return Say(f"HTTP/1.1 {status} {WRONG}\r\nContent-Length: 0\r\n\r\n".encode())

    async with RudeProxy(answer) as proxy:
        dialer = world.dialer(proxy.parent())
        failures = await asyncio.gather(*(dialer.dial(FILES) for _ in range(50)), return_exceptions=True)
        codes = [getattr(failure, "code", failure) for failure in failures]
        assert codes.count("credential-undecided") == 46
        assert proxy.logins == 4
        assert world.journal.facts("login.accepted") == []
        world.restart()
        error = await failing(world, proxy.parent())
        assert error.code == "credential-undecided"
        assert str(status) in error.what
        assert WRONG not in str(error)
        assert proxy.logins == 4


@pytest.mark.parametrize("status", [302, 403, 503])
async def test_a_proven_password_outlives_other_answers(world: World, status: int) -> None:
    world.kept.credential = Credential("alice", password=RIGHT)

    def answer(request: bytes) -> Say:
        if b"proxy-authorization" not in request.lower():
            return Say(refusal('Basic realm="x"'))
        return Say(OK if b"free.example" in request else f"HTTP/1.1 {status} no\r\nContent-Length: 0\r\n\r\n".encode())

    async with RudeProxy(answer) as proxy:
        free = Target("free.example", 443)
        await (await world.dialer(proxy.parent()).dial(free)).aclose()
        codes = {(await failing(world, proxy.parent())).code for _ in range(8)}
        assert codes == {"parent-failed" if status >= 500 else "parent-forbids"}
        await (await world.dialer(proxy.parent()).dial(free)).aclose()


async def test_a_hello_that_is_let_pass_proves_nothing(world: World) -> None:
    """A parent that lets some hosts pass unasked has not looked at the password."""

    def answer(request: bytes) -> Say:
        if b"free.example" in request:
            return Say(OK)
        match message(request):
            case (_, 1):
                return Say(refusal(f"NTLM {question(request)}"))
            case (_, 3):
                return Say(refusal("NTLM"))
            case _:
                return Say(refusal("NTLM"))

    async with RudeProxy(answer) as proxy:
        dialer = world.dialer(proxy.parent())
        world.kept.credential = None
        await failing(world, proxy.parent())  # now it is known that NTLM is wanted
        world.kept.credential = Credential("alice", nt_hash=nt_hash(WRONG))
        await (await dialer.dial(Target("free.example", 443))).aclose()
        assert message(proxy.requests[-1]) == ("ntlm", 1)
        assert world.logins.gate.state() == []
        failures = await asyncio.gather(*(dialer.dial(FILES) for _ in range(20)), return_exceptions=True)
        assert {getattr(failure, "code", failure) for failure in failures} == {"credential-rejected"}
        assert proofs(proxy) == 1


async def test_what_one_parent_accepts_another_may_refuse(world: World) -> None:
    """The same user and password at two directories: the crowd at the second one is still led by one."""
    world.kept.credential = Credential("alice", password=RIGHT)
    async with (
        listening(echo) as target,
        CountingProxy("basic") as first,
        CountingProxy("basic", password="another") as second,
    ):
        await (await world.dialer(first.parent(basic_in_clear=True)).dial(target)).aclose()
        dialer = world.dialer(second.parent(basic_in_clear=True))
        failures = await asyncio.gather(*(dialer.dial(target) for _ in range(50)), return_exceptions=True)
        assert {getattr(failure, "code", failure) for failure in failures} == {"credential-rejected"}
        assert second.bad == 1


async def test_a_logged_in_connection_that_is_asked_again_logs_in_anew(
    world: World, authority: trustme.CA, tmp_path: Path
) -> None:
    """The parent forgot (P16): no client must see its 407."""
    world.kept.credential = Credential("alice", password=RIGHT)
    forgot = False

    def answer(request: bytes) -> Say:
        nonlocal forgot
        match message(request):
            case (_, 1):
                return Say(refusal(f"NTLM {question(request)}"))
            case (_, 3):
                return Say(OK)
            case _:
                if b"/second" in request:
                    forgot = True
                return Say(refusal("NTLM"))

    async with RudeProxy(answer) as proxy:
        limits = Limits(connect=10, first_byte=10, stall=10)
        trust = believing(trusting(authority))
        client = Client(
            world.dialer(proxy.parent()), trust=trust, limits=limits, user_agent="pipway/test", trace=world.trace
        )
        for path in ("first", "second"):
            response = await client.request("GET", f"http://files.example/{path}")
            assert response.status == 200
            await response.read(10)
        await client.aclose()
        assert forgot
        assert proofs(proxy) == 2


class Thinking:
    """A login that waits for a directory, which says no in the end."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def begin(self, asked: Asked) -> Step:
        def step(received: bytes | None) -> bytes:
            self.asked += 1
            self.begun.set()
            assert self.may_end.wait(10)
            raise Rejected("the KDC says: no")

        return step


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.001)


async def test_a_verdict_counts_although_nobody_waits_for_it(world: World) -> None:
    """The client gave up while the KDC was thinking: the next one waits for what it says, and asks nobody."""
    thinking = Thinking()
    scheme = TokenScheme("negotiate", thinking.begin)
    logins = world.logins
    world.logins = Logins(
        gate=logins.gate,
        credentials=world.kept,
        schemes=lambda parent, credential: {"negotiate": scheme},
        trace=world.trace,
    )
    async with RudeProxy([Say(refusal("Negotiate"))]) as proxy:
        first = asyncio.create_task(world.dialer(proxy.parent()).dial(FILES))
        await until(thinking.begun.is_set)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        second = asyncio.create_task(failing(world, proxy.parent()))
        await until(lambda: proxy.connections == 2)
        thinking.may_end.set()
        assert (await second).code == "credential-rejected"
        assert thinking.asked == 1


async def test_a_keytab_is_refused_once_until_it_is_replaced(tmp_path: Path, world: World) -> None:
    """Its keys are a password's: to a directory that changed it, each use is a wrong logon."""
    gate = Gate(Rejections(tmp_path / "logins"), trace=world.trace)
    parent = Parent("http", "proxy.example", 8080, "alice", named=True)
    old = Credential("alice", keytab=tmp_path / "alice.keytab", edition="1")
    async with gate.trying(old, parent, scheme="negotiate") as attempt:
        await attempt.sending()
        error = await attempt.rejected("the KDC says: no")
    assert error.fix == f"put the account's current keytab at {tmp_path / 'alice.keytab'}"
    with pytest.raises(NoWayOut):
        async with gate.trying(old, parent, scheme="negotiate"):
            pytest.fail("it was let through")
    async with gate.trying(replace(old, edition="2"), parent, scheme="negotiate") as attempt:
        await attempt.sending()
        await attempt.accepted()


async def test_what_is_refused_meanwhile_is_not_sent(tmp_path: Path, world: World) -> None:
    """A crowd that was let through while the password was right: who has not sent it yet does not."""
    gate = Gate(Rejections(tmp_path / "logins"), trace=world.trace)
    parent = Parent("http", "proxy.example", 8080, "alice", named=True)
    alice = Credential("alice", password=RIGHT)
    async with gate.trying(alice, parent, scheme="ntlm") as attempt:
        await attempt.sending()
        await attempt.accepted()
    async with gate.trying(alice, parent, scheme="ntlm") as one, gate.trying(alice, parent, scheme="ntlm") as other:
        await one.sending()
        await one.rejected("no")
        with pytest.raises(NoWayOut):
            await other.sending()
