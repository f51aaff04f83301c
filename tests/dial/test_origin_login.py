"""Logins in an index's URL: a refused one is sent once, whatever the crowd, the restart and the time of day."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme
from tests.contracts.stream import trusting
from tests.dial.conftest import Journal, Serve, believing
from tests.servers.tiny_http import Exchange, Reply, TinyServer

from pipway.dial.direct import Direct
from pipway.dial.http import Client, Limits
from pipway.dial.origin_login import OriginLogins
from pipway.dial.rejections import Rejections
from pipway.errors import NoWayOut, PipwayError

RIGHT, WRONG = "right-horse", "wrong-battery"
CROWD = 10


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Index:
    """Answers who is `password`, and others with `refusal`. `hold` keeps it from answering."""

    def __init__(self) -> None:
        self.password = RIGHT
        self.refusal = 401
        self.hold: asyncio.Event | None = None
        self.resets = 0  # how many to cut off instead

    async def __call__(self, exchange: Exchange) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.resets:
            self.resets -= 1
            raise exchange.reset()
        expected = base64.b64encode(f"alice:{self.password}".encode()).decode()
        right = exchange.request.header("authorization") == f"Basic {expected}"
        await exchange.answer(Reply(body=b"page") if right else Reply(self.refusal))


class World:
    """An index that wants a login, and a client of it; `restart` forgets all but the disk."""

    def __init__(self, folder: Path, index: Index, server: TinyServer, make: Callable[[OriginLogins], Client]) -> None:
        self.folder = folder / "logins"
        self.index = index
        self.server = server
        self.clock = Clock()
        self.journal = Journal()
        self._make = make
        self.restart()

    def restart(self) -> None:
        logins = OriginLogins(Rejections(self.folder), trace=self.journal.trace, clock=self.clock)
        self.client = self._make(logins)

    def url(self, password: str, server: TinyServer | None = None) -> str:
        return f"http://alice:{password}@127.0.0.1:{(server or self.server).port}/simple/foo/"

    async def page(self, password: str, server: TinyServer | None = None) -> int:
        response = await self.client.request("GET", self.url(password, server))
        await response.read(100)
        return response.status

    async def crowd(self, password: str) -> list[int | str]:
        """What each of many hears: a status or an error's code."""
        answers = await asyncio.gather(*(self.page(password) for _ in range(CROWD)), return_exceptions=True)
        for answer in answers:
            assert isinstance(answer, int | PipwayError), answer
        return [answer if isinstance(answer, int) else getattr(answer, "code", "") for answer in answers]

    @property
    def asked(self) -> int:
        return len(self.server.requests)


@pytest.fixture
async def world(tmp_path: Path, serve: Serve, authority: trustme.CA) -> AsyncIterator[World]:
    clients: list[Client] = []

    def make(logins: OriginLogins) -> Client:
        client = Client(
            Direct(),
            trust=believing(trusting(authority)),
            limits=Limits(connect=5, first_byte=5, stall=5),
            user_agent="pipway/test",
            trace=Journal().trace,
            logins=logins,
        )
        clients.append(client)
        return client

    index = Index()
    yield World(tmp_path, index, await serve(index), make)
    for client in clients:
        await client.aclose()


async def test_a_wrong_password_is_sent_once_by_a_crowd_and_after_a_restart(world: World) -> None:
    assert await world.crowd(WRONG) == ["index-login-refused"] * CROWD
    assert world.asked == 1
    world.restart()
    assert await world.crowd(WRONG) == ["index-login-refused"] * CROWD
    assert world.asked == 1


async def test_the_error_says_who_what_and_no_secret(world: World) -> None:
    with pytest.raises(NoWayOut) as caught:
        await world.page(WRONG)
    error = caught.value
    assert error.http_status == 502
    assert error.what == f"{world.server.origin} refused the login of alice (401)"
    assert f"pipway credentials retry alice@127.0.0.1:{world.server.port}" in error.fix
    (told,) = world.journal.facts("login.rejected")
    assert told["user"] == "alice"
    seen = str(error) + repr(world.journal.events) + (world.folder / "rejected.json").read_text()
    assert WRONG not in seen
    assert base64.b64encode(f"alice:{WRONG}".encode()).decode() not in seen


async def test_a_changed_password_is_tried_at_once(world: World) -> None:
    await world.crowd(WRONG)
    assert await world.crowd(RIGHT) == [200] * CROWD


async def test_a_person_may_say_that_it_was_right_all_along(world: World) -> None:
    world.index.password = "locked for the moment"
    await world.crowd(RIGHT)
    world.index.password = RIGHT
    assert (await world.crowd(RIGHT))[0] == "index-login-refused"
    assert Rejections(world.folder).forget("alice") == 1  # as another process does it
    assert await world.crowd(RIGHT) == [200] * CROWD


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_other_answers_are_no_rejection(world: World, status: int) -> None:
    world.index.refusal = status
    assert await world.crowd(WRONG) == [status] * CROWD
    assert Rejections(world.folder).entries() == []


async def test_another_origin_may_think_otherwise(world: World, serve: Serve) -> None:
    other = await serve(Index())
    world.index.password = "another"
    assert set(await world.crowd(RIGHT)) == {"index-login-refused"}
    assert await world.page(RIGHT, other) == 200


async def test_what_was_let_in_is_not_queued(world: World) -> None:
    assert await world.page(RIGHT) == 200
    world.index.hold = asyncio.Event()
    crowd = asyncio.create_task(world.crowd(RIGHT))
    await asyncio.wait_for(world.server.arrived(lambda: world.asked == 1 + CROWD), 20)
    world.index.hold.set()
    assert await crowd == [200] * CROWD


async def test_a_password_that_changed_overnight_is_tried_once_by_a_crowd(world: World) -> None:
    assert await world.crowd(RIGHT) == [200] * CROWD
    world.index.password = "another since this morning"
    world.clock.now += 8 * 3600
    assert await world.crowd(RIGHT) == ["index-login-refused"] * CROWD
    assert world.asked == CROWD + 1


async def test_no_answer_is_everybodys_and_no_rejection(world: World) -> None:
    """Who waited for the first hears what it heard, instead of waiting as long, one after the other."""
    assert await world.page(RIGHT) == 200
    world.clock.now += 3600
    world.index.hold = asyncio.Event()
    world.index.resets = 2  # the first may be a connection that died idle, and is tried again
    crowd = asyncio.create_task(world.crowd(RIGHT))
    await asyncio.wait_for(world.server.arrived(lambda: world.asked == 2), 20)
    world.index.hold.set()
    assert set(await crowd) == {"connection-reset"}
    assert world.asked == 3
    assert await world.page(RIGHT) == 200


async def test_who_gives_up_makes_way_for_the_next(world: World) -> None:
    world.index.hold = asyncio.Event()
    first = asyncio.create_task(world.page(RIGHT))
    await asyncio.wait_for(world.server.arrived(lambda: world.asked == 1), 20)
    second = asyncio.create_task(world.page(RIGHT))
    first.cancel()
    await asyncio.wait([first])
    world.index.hold.set()
    assert await asyncio.wait_for(second, 20) == 200


async def test_a_token_is_not_shown(world: World) -> None:
    with pytest.raises(NoWayOut) as caught:
        await world.client.request("GET", f"http://t0ken@127.0.0.1:{world.server.port}/")
    assert "t0ken" not in str(caught.value) + (world.folder / "rejected.json").read_text()
    assert "retry USER@" in caught.value.fix


async def test_without_a_login_nothing_is_looked_up(world: World) -> None:
    response = await world.client.request("GET", f"{world.server.origin}/simple/foo/")
    assert response.status == 401, "the caller's to explain"
    await response.aclose()
    assert not world.folder.exists()
