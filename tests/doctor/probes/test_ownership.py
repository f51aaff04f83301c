"""Extra indexes: whose package is taken, and when that is somebody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.servers.upstream import Upstream

from pipway.clients.base import Effective, Installed, Setting, Surroundings
from pipway.doctor.base import Case, Facts, Result, Status, Subject
from pipway.doctor.probes import index
from pipway.doctor.probes.ownership import PROBE


@asynccontextmanager
async def two(here: str, there: str) -> AsyncIterator[tuple[Upstream, Upstream]]:
    """Two indexes with a version each of one name, "" for none."""
    async with AsyncExitStack() as stack:
        made = []
        for version in (here, there):
            each = Upstream()
            if version:
                each.add_wheel("parcel", version)
            made.append(await stack.enter_async_context(each))
        yield made[0], made[1]


async def tried(ours: Upstream, other: Upstream, tool: str = "pip") -> Result:
    effective = {
        Setting.INDEX: Effective(Setting.INDEX, (ours.url,)),
        Setting.EXTRA_INDEXES: Effective(Setting.EXTRA_INDEXES, (other.url,)),
    }
    subject = Subject(tool, Installed(tool, (tool,), "26.3", "3.11"), effective)
    case = Case(Surroundings({}, Path(), Path()), subject, (), ours.url, "parcel", (f"{tool} install parcel",))
    facts = Facts()
    assert (await index.PROBE.run(case, facts)).status is Status.WORKS
    return await PROBE.run(case, facts)


@pytest.mark.parametrize(
    ("tool", "here", "there", "status"),
    [
        ("pip", "1.0", "99.0", Status.FAILS),
        ("pip", "2.0", "1.0", Status.WORKS),
        ("uv", "2.0", "1.0", Status.FAILS),
        ("pip", "1.0", "", Status.WORKS),
    ],
)
async def test_whose_package_is_taken(tool: str, here: str, there: str, status: Status) -> None:
    async with two(here, there) as (ours, other):
        result = await tried(ours, other, tool)
    assert result.status is status, result
    if status is Status.FAILS:
        (found,) = result.findings
        assert found.id == "confused-index"
        assert found.fix is not None
        assert found.fix.commands == (
            f"PIPWAY_UPSTREAM=first={ours.url},other={other.url} pipway run -- {tool} install parcel",
        )


async def test_a_copy_of_the_same_files_confuses_nobody() -> None:
    async with two("1.0", "1.0") as (ours, other):
        other.add_wheel("parcel", "2.0")
        assert (await tried(ours, other)).status is Status.WORKS


async def test_one_index_needs_no_asking() -> None:
    async with two("1.0", "2.0") as (ours, _):
        assert (await tried(ours, ours)).status is Status.SKIPPED


async def test_what_only_the_extra_index_has_is_neither_missing_nor_confused() -> None:
    async with two("", "1.0") as (ours, other):
        assert (await tried(ours, other)).status is Status.WORKS
