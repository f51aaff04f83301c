"""A file: as it should be, and each way in which it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.doctor.probes.asked import case
from tests.servers import rude
from tests.servers.rude import Behaviour
from tests.servers.tiny_http import Exchange
from tests.servers.upstream import Upstream

from pipway.clients.base import Setting
from pipway.doctor.base import Case, Facts, Result, Status
from pipway.doctor.probes import download, index, mtu

BLOCKED = b"<html><head><title>Access denied</title></head></html>"


async def examined(asked: Case) -> tuple[Result, Facts]:
    facts = Facts()
    assert (await index.PROBE.run(asked, facts)).status is Status.WORKS
    return await download.PROBE.run(asked, facts), facts


async def test_it_comes(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        result, facts = await examined(case(upstream.url, tmp_path))
    assert result.status is Status.WORKS, result
    assert ", ranges" in result.says
    assert facts.file_url.endswith("parcel-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (rude.answering(403), "file-forbidden"),
        (rude.answering(401), "file-wants-login"),
        (rude.failing(502), "file-fails"),
        (rude.answering(200, BLOCKED, Content_Type="text/html"), "file-changed"),  # its length says so first
        (rude.truncated(after=100), "download-breaks"),
        (rude.resetting(after=100), "download-breaks"),
        (rude.chunked(ending=b""), "download-breaks"),
        (rude.tampered(), "file-changed"),
    ],
)
async def test_each_failure_has_its_name(behaviour: Behaviour, cause: str, tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        upstream.behave("*.whl", behaviour)
        result, _ = await examined(case(upstream.url, tmp_path))
    assert result.status is Status.FAILS
    expected = "file-block-page" if cause == "file-changed" and "answering" in behaviour.__qualname__ else cause
    assert [each.id for each in result.findings] == [expected]


async def test_a_hash_of_another_file_in_the_requirements(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text(f"parcel==1.0 \\\n  --hash=sha256:{'0' * 64}\n")
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        result, _ = await examined(case(upstream.url, tmp_path, command="pip install -r needs.txt"))
    assert [each.id for each in result.findings] == ["hash-not-listed"]
    assert result.findings[0].fix is not None
    assert result.findings[0].fix.commands[0].endswith("needs.txt")


async def test_no_room_and_no_permission(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0", page={"size": 1 << 60})
        result, _ = await examined(case(upstream.url, tmp_path, environ={"TMPDIR": str(tmp_path)}))
    assert result.findings[0].id == "disk-full"
    assert str(tmp_path) in result.findings[0].what
    assert list(tmp_path.iterdir()) == [], "it left something behind"


def small_only(limit: int) -> Behaviour:
    """Answers to large requests never arrive."""

    async def behave(exchange: Exchange) -> None:
        if len(exchange.reply.body) > limit:
            await exchange.silence()
        await exchange.answer()

    return behave


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "cause"), [(rude.silent(), "download-stalls"), (small_only(1000), "large-packets-lost")]
)
async def test_a_stall_is_told_from_large_packets_that_get_lost(
    behaviour: Behaviour, cause: str, tmp_path: Path
) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0", size_padding=30_000)
        upstream.behave("*.whl", behaviour)
        asked = case(upstream.url, tmp_path, patience=0.3)
        result, facts = await examined(asked)
        assert result.status is Status.FAILS
        if not result.findings:
            result = await mtu.PROBE.run(asked, facts)
    assert [each.id for each in result.findings] == [cause]


@pytest.mark.slow
async def test_slower_than_the_installer_waits(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def hold(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)  # what is measured is this silence
        held.set()
        await exchange.answer()

    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        upstream.behave("*.whl", hold)
        asked = case(upstream.url, tmp_path, values={Setting.TIMEOUT: "0.1"})
        _, facts = await examined(asked)
        result = await mtu.PROBE.run(asked, facts)
    assert held.is_set()
    assert [each.id for each in result.findings] == ["download-stalls"]
