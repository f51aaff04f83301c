"""Which hosts are the indexes', over restarts; and the look that is taken before anybody asked for a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.index.conftest import Build, World, client, name
from tests.servers.upstream import Upstream
from tests.web.site import demo_file, demo_page

from pipway import entrance
from pipway.access import Access
from pipway.errors import Refused
from pipway.index.hosts import IndexHosts
from pipway.index.merged import Merged
from pipway.index.remote import Remote
from pipway.index.retry import Retry
from pipway.index.scout import scout
from pipway.settings import load
from pipway.trace import Trace


def test_ports_and_schemes_count(tmp_path: Path) -> None:
    """An index at one port says nothing of the others."""
    hosts = IndexHosts(tmp_path / "hosts")
    hosts.add("https://user:pass@Index.Example/simple/")
    hosts.learn("http://files.example:8080")
    assert hosts.has("index.example", 443)
    assert hosts.secure("index.example", 443)
    assert hosts.has("files.example", 8080)
    assert not hosts.secure("files.example", 8080)
    assert not hosts.has("index.example", 80)
    assert hosts.names == ["index.example"]


def test_origins_are_those_of_both_without_logins(tmp_path: Path) -> None:
    """Configured ones first; ports only where they are not the scheme's own."""
    hosts = IndexHosts(tmp_path / "hosts")
    hosts.learn("http://files.example:8080/a")
    hosts.learn("https://[2001:db8::1]/")
    hosts.add("https://user:pass@Index.Example/simple/")
    assert hosts.origins == ["https://index.example", "http://files.example:8080", "https://[2001:db8::1]"]


def test_what_was_learned_is_remembered_and_what_is_configured_is_not(tmp_path: Path) -> None:
    """The settings say the latter anew, or not any more. No secret reaches the file."""
    file = tmp_path / "data" / "hosts"
    hosts = IndexHosts(file)
    hosts.add("https://index.example/")
    hosts.learn("https://user:secret@files.example/x")
    hosts.learn("https://[2001:db8::1]:8443/")
    again = IndexHosts(file)
    assert again.secure("files.example", 443)
    assert again.secure("2001:db8::1", 8443)
    assert not again.has("index.example", 443)
    assert "secret" not in file.read_text()


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"nonsense\n", b"https://a.example 99999999\n", b"ftp://a.example 21\n", b"x" * 1_000_000]
)
def test_a_broken_file_costs_nothing_but_the_memory(tmp_path: Path, text: bytes) -> None:
    """It is a convenience."""
    file = tmp_path / "hosts"
    file.write_bytes(text)
    hosts = IndexHosts(file)
    assert hosts.names == []
    hosts.learn("https://files.example")
    assert IndexHosts(file).names == ["files.example"]


@pytest.mark.slow
def test_it_is_bounded(tmp_path: Path) -> None:
    """Pages decide how many there are."""
    hosts = IndexHosts(tmp_path / "hosts")
    for number in range(600):
        hosts.learn(f"https://f{number}.example")
    assert len(hosts.names) == 512
    assert hosts.secure("f599.example", 443)


@pytest.mark.parametrize("url", ["ftp://a.example", "https://", "https://a.example:99999", "https://ünï.example", "x"])
def test_what_is_no_web_address_is_none(url: str) -> None:
    """Never an error: pages say what they like."""
    hosts = IndexHosts()
    hosts.learn(url)
    hosts.add(url)
    assert hosts.names == []


async def test_pages_teach_it_once_each(build: Build, upstream: Upstream) -> None:
    """Where files may be fetched from, that is."""
    told: list[str] = []
    upstream.add_wheel("demo")
    upstream.add_wheel("other")
    world = await build(learned=told.append)
    for project in ("demo", "other"):
        await world.index.project(name(project))
    assert told == [upstream.origin]


async def test_internal_addresses_on_an_outer_page_are_not_learned() -> None:
    """They may not be fetched either (index-protocol §9)."""
    told: list[str] = []
    remote = Remote(client(Trace()), "https://index.example/simple/", trace=Trace(), learned=told.append)
    page = demo_page(demo_file("http://169.254.169.254/x-1.zip"), demo_file("https://files.example/x-2.zip"))
    remote._learn(page, "https://index.example/simple")
    assert told == ["https://files.example"]


def test_a_page_names_no_bare_label_for_the_authority() -> None:
    """It speaks for all below its names (RFC 5280 §4.2.1.10), and `com` has much below it."""
    hosts = IndexHosts()
    for url in ("https://com", "https://files.example", "https://[2001:db8::1]"):
        hosts.learn(url)
    assert hosts.names == ["files.example", "2001:db8::1"]
    assert hosts.has("com", 443)
    hosts.add("https://devpi/")
    assert hosts.names[0] == "devpi"


def test_a_page_opens_no_odd_ports_to_others() -> None:
    """Or whoever writes one could have a shared server reach any service of the network that it stands in."""
    hosts = IndexHosts()
    hosts.add("https://index.example:8443/simple/")
    for url in ("https://files.example", "https://db.example:5432", "http://index.example:22"):
        hosts.learn(url)
    asked = [("files.example", 443), ("index.example", 8443), ("db.example", 5432), ("index.example", 22)]
    open_to = {}
    for listen in ("127.0.0.1:0", "10.0.0.5:3141"):
        environ = {"PIPWAY_LISTEN": listen, "PIPWAY_ACCESS_ALLOW_FROM": "10.0.0.0/8", "PIPWAY_DATA": "unused"}
        access = entrance.build(load(environ=environ), indexes=hosts.has, offered=hosts.offers)
        open_to[listen] = [may(access, *each) for each in asked]
    assert open_to == {"127.0.0.1:0": [True] * 4, "10.0.0.5:3141": [True, True, False, False]}


def may(access: Access, host: str, port: int) -> bool:
    try:
        access.allow(host, port)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("first", ["pip", "another"])
async def test_scouting_finds_where_files_are(world: World, upstream: Upstream, first: str) -> None:
    """By a project that nearly every index has, else by one of its list; a page without files teaches nothing."""
    told: list[str] = []
    upstream.project("empty")
    upstream.add_wheel(first)
    remote = Remote(world.client, upstream.url, trace=world.trace, learned=told.append)
    await scout(Merged([remote]))
    assert told == [upstream.origin]
    assert len(upstream.requests) <= 5


async def test_scouting_gives_up_quietly(world: World, upstream: Upstream) -> None:
    """An upstream without files, without list, or none at all."""
    told: list[str] = []
    remote = Remote(world.client, upstream.url, trace=world.trace, learned=told.append)
    await scout(Merged([remote]))
    upstream.project_list = False
    await scout(Merged([remote]))
    await upstream.stop()
    await scout(
        Merged(
            [Remote(world.client, upstream.url, trace=world.trace, retry=Retry(attempts=1, sleep=world.clock.sleep))]
        )
    )
    await upstream.start()
    assert told == []
