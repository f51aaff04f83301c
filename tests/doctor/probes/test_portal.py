"""Somebody else answers in the index's place, or the index moves within its own house."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.probes.asked import case
from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.doctor.base import Facts, Status
from pipway.doctor.probes.portal import PROBE

PAGE = b"<html><title>Guests</title><body>Please log in</body></html>"


async def test_a_redirect_to_a_page_of_another_host(tmp_path: Path) -> None:
    async with Upstream() as index, Upstream() as portal:
        portal.behave("*", rude.answering(200, PAGE, Content_Type="text/html"))
        login = f"http://localhost:{portal.origin.rpartition(':')[2]}/login?secret=x"
        index.behave("*", rude.answering(302, Location=login))
        result = await PROBE.run(case(index.url, tmp_path), Facts())
    assert [each.id for each in result.findings] == ["captive-portal"]
    assert "localhost" in result.findings[0].what
    assert "secret" not in result.findings[0].what


async def test_status_511(tmp_path: Path) -> None:
    """RFC 6585 §6."""
    async with Upstream() as index:
        index.behave("*", rude.answering(511))
        result = await PROBE.run(case(index.url, tmp_path), Facts())
    assert [each.id for each in result.findings] == ["captive-portal"]


async def test_an_index_may_redirect_to_an_index_elsewhere(tmp_path: Path) -> None:
    async with Upstream(form="html") as index, Upstream(form="html") as other:
        other.add_wheel("parcel", "1.0")
        place = f"http://localhost:{other.origin.rpartition(':')[2]}/simple/parcel/"
        index.behave("*", rude.answering(302, Location=place))
        result = await PROBE.run(case(index.url, tmp_path), Facts())
    assert result.status is Status.WORKS
