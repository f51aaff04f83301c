"""Connections: taken, refused, lost at one address or at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor import proxied
from tests.doctor.probes.asked import case
from tests.servers.black_hole import black_hole
from tests.servers.rude import refusing_port
from tests.servers.upstream import Upstream

from pipway.clients.base import Setting
from pipway.doctor.base import Facts, Status
from pipway.doctor.probes.reach import PROBE
from pipway.findings import Severity
from pipway.wire.proxy_url import parse_proxy_url


async def test_it_works(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        assert (await PROBE.run(case(upstream.url, tmp_path), Facts())).status is Status.WORKS


async def test_refused(tmp_path: Path) -> None:
    with refusing_port() as port:
        result = await PROBE.run(case(f"http://127.0.0.1:{port}/simple/", tmp_path), Facts())
    assert [each.id for each in result.findings] == ["index-unreachable"]


async def test_a_name_that_was_made_to_lead_here(tmp_path: Path) -> None:
    with refusing_port() as port:
        facts = Facts(addresses={"index.example": ("127.0.0.1",)})
        result = await PROBE.run(case(f"http://index.example:{port}/simple/", tmp_path), facts)
    assert [each.id for each in result.findings] == ["name-leads-nowhere"]


@pytest.mark.slow
@pytest.mark.parametrize(("addresses", "severity"), [("lost first", Severity.HIGH), ("lost last", Severity.LOW)])
async def test_one_address_of_several_loses_everything(addresses: str, severity: Severity, tmp_path: Path) -> None:
    with black_hole() as (_, port):
        upstream = Upstream()
        upstream._server.host, upstream._server.port = "127.0.0.2", port
        async with upstream:
            both = ("127.0.0.1", "127.0.0.2") if addresses == "lost first" else ("127.0.0.2", "127.0.0.1")
            facts = Facts(addresses={"index.example": both})
            asked = case(f"http://index.example:{port}/simple/", tmp_path, patience=0.3, values={Setting.TIMEOUT: "15"})
            result = await PROBE.run(asked, facts)
    assert [(each.id, each.severity) for each in result.findings] == [("address-hole", severity)]
    assert "127.0.0.1" in result.findings[0].what


@pytest.mark.slow
async def test_a_proxy_that_loses_packets_is_not_one_that_says_nothing(tmp_path: Path) -> None:
    with black_hole() as (host, port):
        url = f"http://{host}:{port}"
        result = await PROBE.run(proxied.case(tmp_path, url, patience=0.3), Facts(proxy=parse_proxy_url(url)))
    (found,) = result.findings
    assert (found.id, str(found.place)) == ("proxy-unreachable", "HTTPS_PROXY")
    assert found.fix is not None
    assert found.fix.commands[0].startswith("unset HTTPS_PROXY")


async def test_an_index_that_needs_no_proxy_is_said_to_be_there(tmp_path: Path) -> None:
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        facts = Facts(proxy=parse_proxy_url(url))
        async with Upstream() as upstream:
            there = await PROBE.run(proxied.case(tmp_path, url, index=upstream.url), facts)
        gone = await PROBE.run(proxied.case(tmp_path, url, index=f"http://127.0.0.1:{port}/simple/"), facts)
    assert there.says.endswith("the index takes connections without the proxy")
    assert "without the proxy" not in gone.says
