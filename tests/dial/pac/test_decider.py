"""Answers to ways, files and URLs that change, and who is given credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipway.dial.base import Target
from pipway.dial.pac.answer import parse_answer
from pipway.dial.pac.decider import Pac, url_of
from pipway.dial.pac.engine import Engine, PacError
from pipway.dial.pac.source import Fetch, Source, decode
from pipway.dial.parent import Parent
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Way
from pipway.errors import NoWayOut, Unavailable, UsageError
from pipway.trace import Trace

FILES = Target("files.example", 443)
NAMED = Parent("http", "proxy.example", 8080, "CORP\\alice", named=True, spn="HTTP/other")


async def nobody(host: str) -> Sequence[str]:
    return []


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def nothing(url: str) -> tuple[bytes, str]:
    raise Unavailable("connection-refused", "nobody is there")


def pac(where: str, *, fetch: Fetch = nothing, clock: Callable[[], float] | None = None, no_proxy: str = "none") -> Pac:
    clock = clock or Clock()
    return Pac(
        Source(where, fetch=fetch, refresh=100, clock=clock),
        no_proxy=NoProxy(no_proxy),
        allowed=[NAMED],
        trace=Trace(),
        clock=clock,
        engine=lambda text: Engine(text, lookup=nobody),
    )


def answering(tmp_path: Path, answer: str) -> str:
    file = tmp_path / "proxy.pac"
    file.write_text(f"function FindProxyForURL(url, host) {{ return {answer!r}; }}")
    return str(file)


async def ways(where: str) -> tuple[Way, ...]:
    decider = pac(where)
    plan = await decider.decide(FILES)
    decider.close()
    assert plan is not None
    return plan.ways


async def test_every_kind_of_proxy(tmp_path: Path) -> None:
    answer = "PROXY a.example:1; HTTPS b.example; SOCKS c.example:3; SOCKS5 d.example; SOCKS4 e.example:5; direct"
    found = await ways(answering(tmp_path, answer))
    assert [str(way) for way in found] == [
        "http://a.example:1",
        "https://b.example:443",
        "socks4a://c.example:3",
        "socks5h://d.example:1080",
        "socks4a://e.example:5",
        "direct",
    ]


async def test_credentials_go_only_to_proxies_that_a_person_named(tmp_path: Path) -> None:
    """A PAC file from the network must not collect passwords."""
    named, stranger = await ways(answering(tmp_path, "PROXY proxy.example:8080; PROXY proxy.example:8081"))
    assert named.hops == (NAMED,)
    assert stranger.hops == (Parent("http", "proxy.example", 8081),)
    assert not stranger.hops[0].named


async def test_a_password_in_an_answer_is_neither_sent_nor_shown(tmp_path: Path) -> None:
    decider = pac(answering(tmp_path, "PROXY bob:s3cret@other.example:3128; DIRECT"))
    plan = await decider.decide(FILES)
    decider.close()
    assert plan is not None
    assert plan.ways[0].hops[0].user is None
    assert "s3cret" not in repr(plan)


async def test_an_answer_without_a_usable_proxy_is_an_error_not_direct(tmp_path: Path) -> None:
    for answer in ("", "nonsense", "PROXY", "PROXY a b c:99999"):
        with pytest.raises(PacError):
            await ways(answering(tmp_path, answer))


def test_answers_are_read_leniently_and_bounded() -> None:
    found, remarks = parse_answer("  PROXY  a.example:1 ;; QUIC b.example; PROXY c.example:0")
    assert [str(url) for url in found] == ["http://a.example:1"]
    assert len(remarks) == 2
    assert len(parse_answer("PROXY a:1;" * 1000)[0]) == 16


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    decider = pac(answering(tmp_path, "DIRECT"))
    assert (await decider.decide(FILES)).ways == (DIRECT,)  # type: ignore[union-attr]
    answering(tmp_path, "PROXY changed.example:80")
    assert str((await decider.decide(FILES)).ways[0]) == "http://changed.example:80"  # type: ignore[union-attr]
    (tmp_path / "proxy.pac").unlink()
    assert str((await decider.decide(FILES)).ways[0]) == "http://changed.example:80"  # type: ignore[union-attr]
    decider.close()


async def test_a_url_is_asked_again_after_a_while_and_the_last_good_file_is_kept() -> None:
    clock = Clock()
    answers = [b"function FindProxyForURL() { return 'PROXY first.example:1' }", None, b"<html>log in first</html>"]
    asked = []

    async def fetch(url: str) -> tuple[bytes, str]:
        asked.append(url)
        answer = answers[len(asked) - 1]
        if answer is None:
            raise Unavailable("connection-refused", "nobody is there")
        return answer, "text/plain"

    decider = pac("http://pac.example/proxy.pac", fetch=fetch, clock=clock)
    for now in (0, 50, 101, 202, 250):
        clock.now = now
        plan = await decider.decide(FILES)
        assert plan is not None
        assert str(plan.ways[0]) == "http://first.example:1"
    assert len(asked) == 3, "a login page instead of the file is no file"
    decider.close()


async def test_those_who_wait_in_line_do_not_each_wait_for_a_server_that_is_down() -> None:
    clock, asked = Clock(), 0

    async def fetch(url: str) -> tuple[bytes, str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise Unavailable("first-byte-timeout", "it did not answer")

    decider = pac("http://pac.example/proxy.pac", fetch=fetch, clock=clock)
    failures = await asyncio.gather(*(decider.decide(FILES) for _ in range(20)), return_exceptions=True)
    assert {getattr(failure, "code", failure) for failure in failures} == {"pac-unavailable"}
    assert asked == 1
    clock.now += 6
    with pytest.raises(PacError):
        await decider.decide(FILES)
    assert asked == 2
    decider.close()


async def test_a_fetch_that_was_given_up_is_not_begun_again_by_the_next_one() -> None:
    """While the server hangs, the last good file decides."""
    clock, hang, begun = Clock(), False, asyncio.Event()

    async def fetch(url: str) -> tuple[bytes, str]:
        if hang:
            begun.set()
            await asyncio.get_running_loop().create_future()
        return b"function FindProxyForURL(url, host) { return 'DIRECT'; }", ""

    decider = pac("http://pac.example/proxy.pac", fetch=fetch, clock=clock)
    assert await decider.decide(FILES) is not None
    hang, clock.now = True, clock.now + 101
    asking = asyncio.create_task(decider.decide(FILES))
    await begun.wait()
    asking.cancel()
    await asyncio.wait([asking])
    async with asyncio.timeout(5):
        assert await decider.decide(FILES) is not None
    decider.close()


@pytest.mark.parametrize("where", ["data:text/plain,x", "ftp://pac.example/x"])
def test_other_addresses_are_refused(where: str) -> None:
    with pytest.raises(UsageError) as caught:
        pac(where)
    assert caught.value.fix


async def test_a_file_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    for where in (str(tmp_path / "none.pac"), "http://pac.example/proxy.pac"):
        decider = pac(where)
        with pytest.raises(PacError) as caught:
            await decider.decide(FILES)
        assert caught.value.code == "pac-unavailable"
        decider.close()


async def test_exceptions_need_no_file(tmp_path: Path) -> None:
    plan = await pac(str(tmp_path / "none.pac"), no_proxy=".example").decide(FILES)
    assert plan is not None
    assert plan.ways == (DIRECT,)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (FILES, "https://files.example/"),
        (Target("files.example", 8443), "https://files.example:8443/"),
        (Target("files.example", 80, clear=True), "http://files.example/"),
        (Target("2001:db8::1", 80, clear=True), "http://[2001:db8::1]/"),
    ],
)
def test_it_is_told_the_origin_alone(target: Target, url: str) -> None:
    assert url_of(target) == url


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ("\ufeffä".encode(), "", "ä"),
        ("ä".encode("utf-16"), "", "ä"),
        ("ä".encode("latin-1"), "text/plain; charset=ISO-8859-1", "ä"),
        ("ä".encode("latin-1"), "", "ä"),
        ("ä".encode(), "text/plain; charset=nonsense", "ä"),
    ],
)
def test_encodings(data: bytes, kind: str, text: str) -> None:
    assert decode(data, kind) == text


async def test_a_file_that_becomes_broken_does_not_replace_the_good_one_until_it_is_mended(tmp_path: Path) -> None:
    decider = pac(answering(tmp_path, "PROXY first.example:1"))
    await decider.decide(FILES)
    (tmp_path / "proxy.pac").write_text("function FindProxyForURL(")
    for _ in range(2):
        assert str((await decider.decide(FILES)).ways[0]) == "http://first.example:1"  # type: ignore[union-attr]
    answering(tmp_path, "PROXY mended.example:1")
    assert str((await decider.decide(FILES)).ways[0]) == "http://mended.example:1"  # type: ignore[union-attr]
    decider.close()


async def test_a_change_leaves_those_alone_who_are_being_answered(tmp_path: Path) -> None:
    """Closing the old engine once cancelled every request that waited for it."""
    slow = (
        "function FindProxyForURL() { var t = Date.now(); while (Date.now() - t < 50); return 'PROXY old.example:1'; }"
    )
    (tmp_path / "proxy.pac").write_text(slow)
    decider = pac(str(tmp_path / "proxy.pac"))
    await decider.decide(FILES)
    waiting = [asyncio.ensure_future(decider.decide(Target(f"h{n}.example", 443))) for n in range(5)]
    while not decider._deciding:
        await asyncio.sleep(0)
    answering(tmp_path, "PROXY new.example:1")
    assert str((await decider.decide(FILES)).ways[0]) == "http://new.example:1"  # type: ignore[union-attr]
    assert {str(plan.ways[0]) for plan in await asyncio.gather(*waiting) if plan} <= {
        "http://old.example:1",
        "http://new.example:1",
    }
    assert str((await decider.decide(Target("h0.example", 443))).ways[0]) == "http://new.example:1"  # type: ignore[union-attr]
    decider.close()


@pytest.mark.slow
async def test_a_failure_is_shared_and_holds_for_a_moment(tmp_path: Path) -> None:
    """A file that never ends takes its second once, not for every request."""
    (tmp_path / "proxy.pac").write_text("function FindProxyForURL() { while (true) {} }")
    clock = Clock()
    runs = []

    class Counting(Engine):
        async def find(self, url: str, host: str) -> str:
            runs.append(host)
            return await super().find(url, host)

    decider = pac(str(tmp_path / "proxy.pac"), clock=clock)
    decider._make = lambda text: Counting(text, lookup=nobody)
    found = await asyncio.gather(*(decider.decide(FILES) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(error, NoWayOut) for error in found)
    with pytest.raises(NoWayOut):  # answered 502, and what is stored is served
        await decider.decide(FILES)
    assert len(runs) == 1
    clock.now = 6
    with pytest.raises(PacError):
        await decider.decide(FILES)
    assert len(runs) == 2
    decider.close()


async def test_who_leaves_does_not_take_the_others_along(tmp_path: Path) -> None:
    decider = pac(answering(tmp_path, "PROXY a.example:1"))
    first, second = (asyncio.ensure_future(decider.decide(FILES)) for _ in range(2))
    while not decider._deciding:
        await asyncio.sleep(0)
    first.cancel()
    plan = await second
    assert plan is not None
    assert str(plan.ways[0]) == "http://a.example:1"
    decider.close()
