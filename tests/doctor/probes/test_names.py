"""Names: found, unknown, and asked of nobody who answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.doctor import proxied
from tests.doctor.probes.asked import case

from pipway.clients.base import Effective, Entry, Setting
from pipway.doctor.base import Case, Facts, Status
from pipway.doctor.probes.names import Names, is_local
from pipway.findings import Place
from pipway.wire.proxy_url import parse_proxy_url

INDEX = "https://index.example/simple/"


def only_v4(host: str, family: int) -> list[str]:
    if family == socket.AF_INET6:
        raise socket.gaierror(socket.EAI_NONAME, "none of that family")
    return ["192.0.2.7"]


async def test_addresses_are_noted_and_one_family_is_enough(tmp_path: Path) -> None:
    facts = Facts()
    result = await Names(only_v4).run(case(INDEX, tmp_path), facts)
    assert (result.status, facts.addresses) == (Status.WORKS, {"index.example": ("192.0.2.7",)})


@pytest.mark.parametrize(
    ("code", "cause"), [(socket.EAI_NONAME, "name-not-found"), (socket.EAI_AGAIN, "name-server-silent")]
)
async def test_no_such_name_is_told_from_no_answer(code: int, cause: str, tmp_path: Path) -> None:
    def refuse(host: str, family: int) -> list[str]:
        raise socket.gaierror(code, "no")

    result = await Names(refuse).run(case(INDEX, tmp_path), Facts())
    assert result.status is Status.FAILS
    assert [each.id for each in result.findings] == [cause]
    assert "index.example" in result.findings[0].what


async def test_a_silent_name_server_is_not_waited_for(tmp_path: Path) -> None:
    over = threading.Event()

    def hang(host: str, family: int) -> list[str]:
        over.wait(30)
        return []

    try:
        result = await Names(hang, limit=0.05).run(case(INDEX, tmp_path), Facts())
    finally:
        over.set()
    assert [each.id for each in result.findings] == ["name-server-silent"]


async def test_addresses_need_no_look_up(tmp_path: Path) -> None:
    result = await Names(only_v4).run(case("http://127.0.0.1:1/simple/", tmp_path), Facts())
    assert result.status is Status.SKIPPED


def test_what_is_meant_to_be_this_machine() -> None:
    assert is_local("localhost")
    assert is_local("::1")
    assert not is_local("index.example")


PROXY = "http://proxy.example:8080"


@pytest.mark.parametrize(
    ("key", "place", "fix"),
    [
        ("HTTPS_PROXY", Place("HTTPS_PROXY"), "unset HTTPS_PROXY"),
        ("PIP_PROXY", Place("PIP_PROXY"), "unset PIP_PROXY"),
        ("global.proxy", Place("/etc/pip.conf", 2), "pipway configure pip --no-proxy"),
        ("--proxy", Place("--proxy"), ""),
    ],
)
async def test_a_proxys_name_that_is_unknown_is_mended_where_it_is_written(
    key: str, place: Place, fix: str, tmp_path: Path
) -> None:
    def refuse(host: str, family: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    asked = proxied.case(tmp_path, PROXY, tool="pip")
    entry = Entry(Setting.PROXY, PROXY, "x", place, key)
    subject = replace(asked.subject, effective={Setting.PROXY: Effective(Setting.PROXY, (PROXY,), (entry,))})
    facts = Facts(proxy=parse_proxy_url(PROXY))
    (found,) = (await Names(refuse).run(replace(asked, subject=subject), facts)).findings
    assert (found.id, found.place and found.place.name) == ("name-not-found", str(place))
    assert found.fix is not None
    assert "proxy's name" in found.fix.text
    assert "".join(found.fix.commands).startswith(fix)
    assert fix or "--proxy" in found.fix.text


def answering(**known: str) -> Callable[[str, int], list[str]]:
    """A resolver that completes names with corp.example, as the C library does."""
    names = {name.replace("_", "."): address for name, address in known.items()}

    def lookup(host: str, family: int) -> list[str]:
        asked = [host.rstrip(".")] if host.endswith(".") else [host, f"{host}.corp.example"]
        found = next((names[each] for each in asked if each in names), None)
        if found is None or family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "no")
        return [found]

    return lookup


@pytest.fixture
def searching(tmp_path: Path) -> Path:
    """A root of the file system whose resolv.conf names a search domain."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.1\nsearch other.example corp.example.\n")
    return tmp_path


def there(folder: Path, index: str = INDEX) -> Case:
    asked = case(index, folder)
    return replace(asked, surroundings=replace(asked.surroundings, root=folder))


async def test_a_search_domain_that_answers_for_a_foreign_name_is_suspected(searching: Path) -> None:
    facts = Facts()
    wildcard = {"index_example_corp_example": "192.0.2.66"}
    result = await Names(answering(**wildcard)).run(there(searching), facts)
    assert (result.status, [each.id for each in result.findings]) == (Status.REMARK, ["name-by-search-domain"])
    assert "by the search domain corp.example" in result.says
    assert "tls" in facts.suspicions[0].explains


async def test_a_name_that_is_there_by_itself_is_no_search_domains(searching: Path) -> None:
    names = {"index_example": "192.0.2.7", "index_example_corp_example": "192.0.2.66"}
    result = await Names(answering(**names)).run(there(searching), Facts())
    assert (result.status, result.findings) == (Status.WORKS, ())


async def test_a_short_name_is_meant_to_be_completed(searching: Path) -> None:
    result = await Names(answering(index_corp_example="192.0.2.7")).run(
        there(searching, "https://index/simple/"), Facts()
    )
    assert (result.status, result.findings) == (Status.WORKS, ())
    assert "by the search domain corp.example" in result.says
    result = await Names(answering()).run(there(searching, "https://index/simple/"), Facts())
    assert "nor with other.example, corp.example behind it" in result.says
