"""What a PAC file cannot do: run for ever, eat memory, block on names, get out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest

from pipway.dial.pac.decider import system_lookup
from pipway.dial.pac.engine import Engine, PacError


async def nobody(host: str) -> Sequence[str]:
    return []


async def asked(text: str, host: str = "files.example") -> str:
    engine = Engine(text, lookup=nobody)
    try:
        return await engine.find("https://files.example/", host)
    finally:
        engine.close()


def body(text: str) -> str:
    return f"function FindProxyForURL(url, host) {{ {text} }}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (body("while (true) {}"), "more than 1 s"),
        pytest.param("while (true) {}", "more than 1 s", marks=pytest.mark.slow),
        (body("var a = []; while (true) a.push(new Array(100000).fill('x'))"), "MiB of memory"),
        (body("function f() { f() } f()"), "stack"),
        (body("throw new Error('broken on purpose')"), "broken on purpose"),
        (body("return undefinedName"), "undefinedName"),
        (body("return 42"), "no text"),
        (body("return {}"), "no text"),
        (body("return new Array(10000).join('PROXY a:1;')"), "no text"),
        ("this is no program", ""),
        ("var x = 1;", "no function FindProxyForURL"),
        ("", "no function FindProxyForURL"),
        (
            body("for (var i = 0; i < 40; i++) isResolvable('h' + i + '.example'); return 'DIRECT'"),
            "more than 16 names",
        ),
    ],
)
async def test_what_fails_is_an_error_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(PacError) as caught:
        await asked(text)
    assert caught.value.code == "pac-failed"
    assert why in caught.value.why


@pytest.mark.slow
async def test_it_works_again_after_a_run_that_was_cut() -> None:
    engine = Engine(body("if (host == 'bad') while (true) {} return 'PROXY a:1'"), lookup=nobody)
    with pytest.raises(PacError):
        await engine.find("https://bad/", "bad")
    assert await engine.find("https://good/", "good") == "PROXY a:1"
    engine.close()


@pytest.mark.slow
async def test_the_loop_is_free_meanwhile() -> None:
    """A second of computing in its thread is nobody else's."""
    engine = Engine(body("while (true) {}"), lookup=nobody)
    running = asyncio.ensure_future(engine.find("https://a/", "a"))
    turns = 0
    while not running.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert isinstance(running.exception(), PacError)
    assert turns > 50
    engine.close()


async def test_names_are_looked_up_outside_once_and_a_slow_one_counts_as_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipway.dial.pac.engine._DNS_SECONDS", 0.05)
    seen = []

    async def lookup(host: str) -> Sequence[str]:
        seen.append(host)
        if host == "slow.example":
            await asyncio.Event().wait()
        return ["10.0.0.1"]

    text = body("return [dnsResolve('A.example'), dnsResolve('slow.example'), dnsResolve('a.example')].join()")
    engine = Engine(text, lookup=lookup)
    assert await engine.find("https://a/", "a") == "10.0.0.1,,10.0.0.1"
    assert seen == ["a.example", "slow.example"]
    engine.close()


async def test_a_hundred_at_once() -> None:
    engine = Engine(body("return 'PROXY ' + host + ':1'"), lookup=nobody)
    found = await asyncio.gather(*(engine.find("https://a/", f"h{n}") for n in range(100)))
    assert found == [f"PROXY h{n}:1" for n in range(100)]
    engine.close()


async def test_no_answer_is_direct() -> None:
    assert await asked(body("return null")) == "DIRECT"


async def test_hosts_cannot_break_out_of_their_string() -> None:
    assert await asked(body("return host"), "a\"); throw 1; //'\\\n") == "a\"); throw 1; //'\\\n"


async def test_without_the_engine_it_says_so() -> None:
    def load() -> None:
        raise ImportError

    engine = Engine(body("return ''"), lookup=nobody, load=load)  # type: ignore[arg-type]
    with pytest.raises(PacError) as caught:
        await engine.find("https://a/", "a")
    assert caught.value.code == "no-pac-engine"
    assert "quickjs-ng" in caught.value.fix
    engine.close()


async def test_names_that_no_resolver_takes_are_unknown() -> None:
    """Python's IDNA codec raises UnicodeError for them, which is no OSError."""
    text = body("return [isResolvable('..'), isResolvable(new Array(90).join('a')), isResolvable('\\ud800')].join()")
    engine = Engine(text, lookup=system_lookup)
    assert await engine.find("https://a/", "a") == "false,false,false"
    engine.close()


async def test_all_names_of_a_decision_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipway.dial.pac.engine._DNS_BUDGET", 0.1)
    seen = []

    async def lookup(host: str) -> Sequence[str]:
        seen.append(host)
        await asyncio.Event().wait()
        return []

    engine = Engine(body("for (var i = 0; i < 9; i++) isResolvable('h' + i); return 'DIRECT'"), lookup=lookup)
    async with asyncio.timeout(1.5):
        assert await engine.find("https://a/", "a") == "DIRECT"
    engine.close()


ENDLESS = """
import asyncio, sys
from pipway.dial.pac import engine
engine._GRACE = 0.2
async def nobody(host): return []
async def main():
    made = engine.Engine(
        "function FindProxyForURL(u, h) { Array.prototype.reverse.call({length: 9007199254740991}) }", lookup=nobody
    )
    for _ in range(2):
        try:
            await made.find("https://a/", "a")
        except engine.PacError as error:
            print(error.why, made.stuck)
    made.close()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_loop_that_ignores_the_limit_keeps_neither_requests_nor_the_process_waiting() -> None:
    """In a process of its own: nothing else ends such a thread."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENDLESS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert output.decode().splitlines() == ["it never ends True"] * 2
    assert process.returncode == 0
