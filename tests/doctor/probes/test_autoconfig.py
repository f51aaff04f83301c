"""PAC files: evaluated for the index, told, and named as the reason when the direct way does not lead there."""

from __future__ import annotations

from pathlib import Path

from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.clients.base import Surroundings
from pipway.dial.route.system import SystemSettings
from pipway.doctor.base import Case, Facts, Result, Status, Subject
from pipway.doctor.probes.autoconfig import Autoconfig
from pipway.wire.proxy_url import parse_proxy_url

SCRIPT = """
function FindProxyForURL(url, host) {
  if (host == "index.example") return "PROXY proxy.example:8080; DIRECT";
  return "DIRECT";
}
"""


def case(pac: str, index: str = "https://index.example/simple/") -> Case:
    surroundings = Surroundings({}, Path(), Path())
    return Case(surroundings, Subject("pip", None, {}), (), index, "parcel", ("pip install parcel",), pac=pac)


async def tried(made: Case, system: SystemSettings | None = None, facts: Facts | None = None) -> tuple[Result, Facts]:
    facts = facts or Facts()
    return await Autoconfig(lambda: system).run(made, facts), facts


def written(folder: Path, text: str = SCRIPT) -> str:
    file = folder / "proxy.pac"
    file.write_text(text)
    return str(file)


async def test_a_proxy_of_the_file_is_suspected(tmp_path: Path) -> None:
    pac = written(tmp_path)
    result, facts = await tried(case(pac))
    assert result.status is Status.REMARK
    assert "http://proxy.example:8080 for index.example" in result.says
    (suspicion,) = facts.suspicions
    assert suspicion.finding.id == "pac-ignored"
    assert {"names", "reach"} <= suspicion.explains
    assert suspicion.finding.fix is not None
    assert suspicion.finding.fix.commands == (f"PIPWAY_PAC={pac} pipway run --via proxy -- pip install parcel",)


async def test_an_unusual_port_is_opened_by_the_fix(tmp_path: Path) -> None:
    _, facts = await tried(case(written(tmp_path), "https://index.example:8443/simple/"))
    fix = facts.suspicions[0].finding.fix
    assert fix is not None
    assert fix.commands[0].startswith("PIPWAY_FORWARD_ALLOW=index.example:8443 PIPWAY_PAC=")


async def test_the_systems_file_is_fetched_from_its_server() -> None:
    web = Upstream()
    web.behave("/proxy.pac", rude.answering(200, SCRIPT.encode(), Content_Type="application/x-ns-proxy-autoconfig"))
    async with web:
        result, facts = await tried(case(""), SystemSettings({}, pac=f"{web.origin}/proxy.pac"))
    assert [each.finding.id for each in facts.suspicions] == ["pac-ignored"], result


async def test_direct_is_no_suspicion(tmp_path: Path) -> None:
    result, facts = await tried(case(written(tmp_path), "https://other.example/simple/"))
    assert result.status is Status.WORKS
    assert not facts.suspicions


async def test_who_has_a_proxy_needs_no_file(tmp_path: Path) -> None:
    facts = Facts(proxy=parse_proxy_url("http://mine.example:1"))
    result, facts = await tried(case(written(tmp_path)), facts=facts)
    assert result.status is Status.WORKS
    assert not facts.suspicions


async def test_a_file_that_is_none_is_told_and_is_no_failure(tmp_path: Path) -> None:
    result, facts = await tried(case(written(tmp_path, "<html>please log in</html>")))
    assert result.status is Status.WORKS
    assert "cannot be used" in result.says
    assert not facts.suspicions


async def test_without_a_file_it_is_not_tried() -> None:
    assert (await tried(case("")))[0].status is Status.SKIPPED
