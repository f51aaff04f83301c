"""This machine's clock against those on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.servers.certificates import issue, serving

from pipway.clients.base import Surroundings
from pipway.doctor.base import Case, Facts, Status, Subject
from pipway.doctor.handshake import dated
from pipway.doctor.probes.clock import PROBE
from pipway.findings import Severity

LEAF = issue("localhost", names=["localhost"])
HOUR = timedelta(hours=1)


@asynccontextmanager
async def index(*, date: bool = True, tls: bool = True, more: str = "") -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its URL, and the requests it gets."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        field = f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}\r\n" if date else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{field}{more}Content-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=serving(LEAF) if tls else None)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http{'s' if tls else ''}://alice:geheim@localhost:{port}/simple/", asked


def case(folder: Path, url: str, off: timedelta = timedelta()) -> Case:
    surroundings = Surroundings({}, folder, folder)
    return Case(surroundings, Subject("pip", None, {}), (), url, "", now=lambda: datetime.now(UTC) + off, patience=2)


async def test_a_right_clock_works_and_the_chain_is_left_for_the_next_step(tmp_path: Path) -> None:
    facts = Facts()
    async with index() as (url, asked):
        result = await PROBE.run(case(tmp_path, url), facts)
    assert result.status is Status.WORKS
    assert facts.chain == (LEAF.der,)
    assert facts.skew is not None
    assert abs(facts.skew) < timedelta(minutes=1)
    assert b"uthorization" not in asked[0]  # nobody knows yet who that is
    assert b"geheim" not in asked[0]
    assert asked[0].startswith(b"HEAD / "), "the page of all projects is not asked for: it may have to be fetched first"


@pytest.mark.parametrize("off", [-48 * HOUR, 100 * 24 * HOUR])
async def test_a_clock_that_makes_the_certificate_bad_fails(tmp_path: Path, off: timedelta) -> None:
    async with index() as (url, _):
        result = await PROBE.run(case(tmp_path, url, off), Facts())
    assert result.status is Status.FAILS
    found = result.findings[0]
    assert (found.id, found.severity) == ("clock-wrong", Severity.HIGH)
    assert found.fix is not None
    assert f"date --utc --set='{datetime.now(UTC):%Y-%m-%d}" in found.fix.commands[0]


async def test_one_that_does_no_harm_is_a_remark(tmp_path: Path) -> None:
    async with index() as (url, _):
        result = await PROBE.run(case(tmp_path, url, HOUR), Facts())
        in_clear = await PROBE.run(case(tmp_path, url.replace("https", "http"), HOUR), Facts())
    assert (result.status, result.findings[0].severity) == (Status.REMARK, Severity.MEDIUM)
    assert "60 minutes ahead" in result.says
    assert in_clear.status is Status.SKIPPED


async def test_an_index_without_tls_tells_the_time_too(tmp_path: Path) -> None:
    async with index(tls=False) as (url, _):
        result = await PROBE.run(case(tmp_path, url, 3 * HOUR), Facts())
    assert result.findings[0].id == "clock-wrong"


async def test_nobody_tells(tmp_path: Path) -> None:
    async with index(date=False) as (url, _):
        assert (await PROBE.run(case(tmp_path, url), Facts())).status is Status.SKIPPED


@pytest.mark.parametrize(
    ("head", "hour"),
    [
        (b"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT", 10),
        (b"HTTP/1.1 200 OK\r\ndate:Sat, 21 Nov 2026 10:00:00 GMT\r\nAge: 7200", 12),  # from a cache
        (b"HTTP/1.1 200 OK\r\nDate: yesterday", None),
        (b"HTTP/1.1 200 OK\r\nX-Date: Sat, 21 Nov 2026 10:00:00 GMT", None),
        (b"", None),
    ],
)
def test_the_time_of_an_answer(head: bytes, hour: int | None) -> None:
    time = dated(head)
    assert (time.hour if time else None) == hour
