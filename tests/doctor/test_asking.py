"""One bounded request: what came, as far as it came."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.doctor.probes.asked import case
from tests.servers import rude
from tests.servers.rude import Behaviour
from tests.servers.upstream import Upstream

from pipway.dial.url import Url
from pipway.doctor.asking import ask, bare, follow
from pipway.doctor.base import Facts
from pipway.errors import NoWayOut, Unavailable
from pipway.wire.proxy_url import parse_proxy_url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (rude.truncated(after=10), "cut"),
        (rude.resetting(after=10), "reset"),
        (rude.stalling(after=10), "stalled"),
    ],
)
async def test_what_came_before_it_went_wrong_is_kept(behaviour: Behaviour, problem: str, tmp_path: Path) -> None:
    async with Upstream() as upstream:
        file = upstream.add_wheel("parcel", "1.0")
        upstream.behave("/files/*", behaviour)
        reply = await ask(case(upstream.url, tmp_path, patience=0.3), Facts(), Url.parse(upstream.url_of(file)))
    assert (reply.problem, reply.complete) == (problem, False)
    assert reply.head.status == 200
    assert file.data.startswith(reply.body)


@pytest.mark.slow
async def test_drop_by_drop_is_no_answer(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        file = upstream.add_wheel("parcel", "1.0")
        upstream.behave("/files/*", rude.dripping(seconds=0.02))  # never as long without a byte as the patience
        began = time.monotonic()
        with pytest.raises(Unavailable, match="gives no answer"):
            await ask(case(upstream.url, tmp_path, patience=0.2), Facts(), Url.parse(upstream.url_of(file)))
    assert time.monotonic() - began < 2


async def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        file = upstream.add_wheel("parcel", "1.0", size_padding=1_000_000)
        reply = await ask(case(upstream.url, tmp_path), Facts(), Url.parse(upstream.url_of(file)), at_most=1000)
    assert (len(reply.body), reply.complete, reply.problem) == (1000, True, "")


async def test_redirects_are_followed_and_counted(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.behave("*", rude.circling())
        replies = await follow(case(upstream.url, tmp_path), Facts(), Url.parse(upstream.url))
    assert {reply.head.status for reply in replies} == {302}
    assert len(replies) <= 6


async def test_without_a_way_through_the_proxy_nothing_is_sent(tmp_path: Path) -> None:
    facts = Facts(proxy=parse_proxy_url("http://127.0.0.1:9"))
    async with Upstream() as upstream:
        with pytest.raises(NoWayOut):
            await ask(case(upstream.url, tmp_path), facts, Url.parse(upstream.url))
        assert upstream.requests == []


def test_a_login_is_left_out() -> None:
    assert bare("https://alice:geheim@index.example/simple/") == "https://index.example/simple/"
