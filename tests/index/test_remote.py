"""Asking an upstream: what is sent, what is tried again, what every status means."""

from __future__ import annotations

import asyncio

import pytest
from tests.index.conftest import Build, World, name
from tests.servers import rude

from pipway.errors import BadUpstream, NotFound, PipwayError, Unavailable
from pipway.index.remote import ACCEPT, Remote
from pipway.index.retry import Retry

FOO = name("foo")
PAGE = "/simple/foo/"


async def test_what_an_upstream_learns(world: World) -> None:
    """A client's identity and telemetry stay inside: our own User-Agent only."""
    world.upstream.add_wheel("foo")
    await world.remote.page(FOO)
    (request,) = world.upstream.asked(PAGE)
    assert request.header("accept") == ACCEPT
    assert request.header("user-agent") == "pipway/test"
    assert set(request.headers) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}


async def test_headers_can_be_passed_on(build: Build) -> None:
    world = await build(headers=lambda: {"x-client": "pip"})
    world.upstream.add_wheel("foo")
    await world.remote.page(FOO)
    assert world.upstream.asked(PAGE)[0].header("x-client") == "pip"


async def test_the_address_may_be_learned_at_the_first_request(world: World) -> None:
    asked = 0

    async def address() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return world.upstream.url.rstrip("/")

    world.upstream.add_wheel("foo")
    remote = Remote(world.client, address, trace=world.trace)
    await remote.page(FOO)
    await remote.page(FOO)
    assert (asked, world.asked(PAGE)) == (1, 2)


@pytest.mark.parametrize(
    ("status", "kind", "code", "requests"),
    [
        (404, NotFound, "not-found", 1),
        (410, NotFound, "not-found", 1),
        (401, Unavailable, "upstream-refused", 1),
        (403, Unavailable, "upstream-refused", 1),
        (451, Unavailable, "upstream-refused", 1),
        (429, Unavailable, "upstream-busy", 3),
        (500, Unavailable, "upstream-failed", 3),
        (503, Unavailable, "upstream-failed", 3),
        (418, BadUpstream, "upstream-status", 1),
    ],
)
async def test_what_a_status_means(
    world: World, status: int, kind: type[PipwayError], code: str, requests: int
) -> None:
    """index-protocol §7: only a real 404 or 410 is an absence."""
    world.upstream.behave(PAGE, rude.answering(status))
    with pytest.raises(kind) as caught:
        await world.remote.page(FOO)
    assert caught.value.code == code
    assert world.asked(PAGE) == requests


@pytest.mark.parametrize(
    "behaviour",
    [rude.failing(502), rude.resetting(after=-1), rude.resetting(after=10), rude.truncated(after=10)],
    ids=["502", "reset", "reset-midway", "truncated"],
)
async def test_transient_failures_are_tried_again(world: World, behaviour: rude.Behaviour) -> None:
    world.upstream.gzip = False
    world.upstream.add_wheel("foo")
    world.upstream.behave(PAGE, behaviour, times=2)
    reply = await world.remote.page(FOO)
    assert reply.page is not None
    assert len(reply.page.files) == 1


async def test_a_short_retry_after_is_obeyed_and_a_long_one_passed_on(world: World) -> None:
    world.upstream.add_wheel("foo")
    world.upstream.behave(PAGE, rude.failing(503, retry_after=2), times=1)
    await world.remote.page(FOO)
    assert world.clock.slept == [2.0]
    world.upstream.behave(PAGE, rude.failing(429, retry_after=120))
    with pytest.raises(Unavailable) as caught:
        await world.remote.page(FOO)
    assert caught.value.retry_after == 120
    assert world.clock.slept == [2.0]


async def test_a_storm_of_errors_opens_the_breaker_and_a_probe_closes_it(world: World) -> None:
    world.upstream.add_wheel("foo")
    world.upstream.behave(PAGE, rude.failing(500))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.remote.page(FOO)
    assert world.asked(PAGE) == 5
    with pytest.raises(Unavailable) as caught:
        await world.remote.page(FOO)
    assert caught.value.code == "circuit-open"
    assert 0 < caught.value.retry_after <= 10
    assert world.asked(PAGE) == 5
    world.upstream.heal()
    world.clock.advance(11)
    await world.remote.page(FOO)
    assert "breaker.closed" in world.events


async def test_absences_and_refusals_do_not_open_the_breaker(world: World) -> None:
    for status in (404, 403, 429, 418):
        world.upstream.behave(PAGE, rude.answering(status))
        for _ in range(6):
            with pytest.raises(PipwayError):
                await world.remote.page(FOO)
    assert world.breakers.open() == []


async def test_a_request_given_up_leaves_the_breaker_usable(world: World) -> None:
    world.upstream.behave(PAGE, rude.silent())
    asking = asyncio.create_task(world.remote.page(FOO))
    await world.upstream.arrived(PAGE)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    world.upstream.heal()
    world.upstream.add_wheel("foo")
    await world.remote.page(FOO)


async def test_pages_are_bounded(build: Build) -> None:
    world = await build(page_limit=10_000)
    world.upstream.behave(PAGE, rude.huge_page(1_000_000))
    with pytest.raises(BadUpstream):
        await world.remote.page(FOO)


async def test_a_redirect_to_another_name_is_fine_when_the_page_is_the_projects(world: World) -> None:
    """index-protocol §1: devpi asserts that the URL ends in the name; the JSON name is what counts."""
    world.upstream.add_wheel("foo")
    world.upstream.behave("/simple/foo/", rude.answering(302, Location="/simple/Foo/"), times=1)
    world.upstream.behave("/simple/Foo/", rude.answering(302, Location="/simple/foo/?x=1"))
    reply = await world.remote.page(FOO)
    assert reply.raw is not None
    assert reply.raw.known.url.endswith("/simple/foo/?x=1")


async def test_another_projects_page_is_refused(world: World) -> None:
    world.upstream.behave(PAGE, rude.misnamed("bar"))
    with pytest.raises(BadUpstream):
        await world.remote.page(FOO)


@pytest.mark.parametrize("serial", [None, "1"])
async def test_no_serial_ever_freezes_a_page(world: World, serial: str | None) -> None:
    """index-protocol §5, devpi#972: a lower or missing X-PyPI-Last-Serial is a hint, not a veto."""
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    page = b'{"meta":{"api-version":"1.0"},"name":"foo","files":[]}'
    headers = {"Content_Type": "application/vnd.pypi.simple.v1+json"} | (
        {"X_PyPI_Last_Serial": serial} if serial else {}
    )
    world.upstream.behave(PAGE, rude.answering(200, page, **headers))
    world.clock.advance(600 + 301)
    assert (await world.index.project(FOO)).page.files == ()


async def test_a_public_page_cannot_point_inside(world: World) -> None:
    """index-protocol §9: SSRF through URLs of the upstream."""
    remote = Remote(world.client, "http://index.example/simple/", trace=world.trace, retry=Retry(attempts=1))
    with pytest.raises(BadUpstream) as caught:
        await remote.get(f"{world.upstream.origin}/files/secret")
    assert caught.value.code == "file-address-refused"
    assert world.upstream.requests == []


async def test_events_hold_no_secret(world: World) -> None:
    url = world.upstream.url.replace("://", "://user:secret@")
    world.upstream.behave("*", rude.failing(500))
    with pytest.raises(Unavailable) as caught:
        await Remote(world.client, url, trace=world.trace, retry=Retry(sleep=world.clock.sleep)).page(FOO)
    assert "upstream.retry" in world.events
    assert "secret" not in repr(world.events.seen)
    assert "secret" not in str(caught.value)
