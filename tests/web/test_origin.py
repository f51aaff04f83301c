"""Requests by origin URL: the upstream's own pages and files, from the chain; everything else is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.web.site import (
    ACCEPT_PIP,
    CONTENT,
    METADATA,
    WHEEL,
    MemoryIndex,
    MemorySource,
    ask,
    demo_file,
    demo_page,
    fields,
    read,
)

from pipway.errors import Unavailable
from pipway.index.promise import Promised
from pipway.simple.page import File, NormalizedName
from pipway.web.origin import ByOrigin, place_of
from pipway.wire.answer import Prepared, Slice

BASE = "https://index.example/root/simple/"
INDEX, FILES = "https://index.example", "https://files.example"
PAGE = "/root/simple/demo/"
FILE = WHEEL.removeprefix(FILES)


def serving(index: MemoryIndex, base: str = BASE) -> ByOrigin:
    made = ByOrigin()
    made.add(base, index, index.find, page_bytes=1 << 20)
    return made


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex(demo_page())


async def page(by_origin: ByOrigin, path: str = PAGE, **headers: str) -> dict[str, Any]:
    answer = await by_origin.answer(ask(path, accept=ACCEPT_PIP, **headers), INDEX)
    assert isinstance(answer, Prepared)
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_a_page_has_the_upstreams_own_urls(index: MemoryIndex) -> None:
    """Absolute and as they were given, so that lock files stay what they would be without us."""
    urls = [WHEEL, "https://files.example/odd/%7Ea+b/demo-1.0.tar.gz?token=1", "https://[2001:db8::1]:8443/demo-2.zip"]
    index.pages[NormalizedName("demo")] = demo_page(*(demo_file(url) for url in urls))
    by_origin = serving(index)
    assert [file["url"] for file in (await page(by_origin))["files"]] == urls
    answer = await by_origin.answer(ask(PAGE, accept="text/html"), INDEX)
    assert isinstance(answer, Prepared)
    assert b'href="https://files.example/odd/%7Ea+b/demo-1.0.tar.gz?token=1#sha256=' in answer.body


async def test_a_page_promises_nothing_in_the_upstreams_name(index: MemoryIndex) -> None:
    """METADATA that the upstream does not offer is ours to give on our own pages alone: its host may stay opaque."""
    plain, said = demo_file(), demo_file(WHEEL.replace("1.0", "2.0"), core_metadata={"sha256": "ab" * 32})
    promised = Promised(filename=plain.filename, url=plain.url, hashes=plain.hashes, core_metadata=True)
    index.pages[NormalizedName("demo")] = demo_page(promised, said)
    found = (await page(serving(index)))["files"]
    assert "core-metadata" not in found[0]
    assert found[1]["core-metadata"] == {"sha256": "ab" * 32}


async def test_unknown_keys_survive(index: MemoryIndex) -> None:
    """PEP 691 is passed on losslessly."""
    file = File(filename="demo-1.0-py3-none-any.whl", url=WHEEL, hashes={}, extra={"_other": [1, {"a": None}]})
    index.pages[NormalizedName("demo")] = demo_page(file, extra={"_more": True})
    found = await page(serving(index))
    assert found["files"][0]["_other"] == [1, {"a": None}]
    assert found["_more"] is True


async def test_pages_negotiate_and_validate_as_on_the_index_face(index: MemoryIndex) -> None:
    """Encoding, ETag, lease, an outage's marks."""
    by_origin = serving(index)
    first = await by_origin.answer(ask(PAGE, accept=ACCEPT_PIP, accept_encoding="gzip"), INDEX)
    assert isinstance(first, Prepared)
    assert fields(first)["content-encoding"] == "gzip"
    assert first.lease is index.lease
    again = ask(PAGE, accept=ACCEPT_PIP, accept_encoding="gzip", if_none_match=fields(first)["etag"])
    assert getattr(await by_origin.answer(again, INDEX), "status", 0) == 304
    index.outcome = "stale"
    stale = await by_origin.answer(ask(PAGE), INDEX)
    assert fields(stale)["cache-control"] == "no-cache"
    assert fields(stale)["warning"].startswith("111")


async def test_the_list_of_projects_is_there(index: MemoryIndex) -> None:
    """And the way to it without a final slash is the upstream's business."""
    by_origin = serving(index)
    answer = await by_origin.answer(ask("/root/simple/", accept=ACCEPT_PIP), INDEX)
    assert answer is not None
    assert answer.status == 200
    assert await by_origin.answer(ask("/root/simple"), INDEX) is None


async def test_a_page_without_slash_is_redirected_below_its_own_address(index: MemoryIndex) -> None:
    """The Location is relative, so that it holds wherever the API is."""
    answer = await serving(index).answer(ask("/root/simple/Demo?format=x"), INDEX)
    assert getattr(answer, "status", 0) == 301
    assert fields(answer)["location"] == "demo/?format=x"


async def test_files_come_from_the_same_store(index: MemoryIndex) -> None:
    """Whole, in part, HEAD, METADATA."""
    by_origin = serving(index)
    whole = await by_origin.answer(ask(FILE), FILES)
    assert isinstance(whole, Slice)
    assert read(whole) == CONTENT
    part = await by_origin.answer(ask(FILE, range="bytes=-10"), FILES)
    assert isinstance(part, Slice)
    assert part.status == 206
    assert read(part) == CONTENT[-10:]
    head = await by_origin.answer(ask(FILE, "HEAD"), FILES)
    assert fields(head)["content-length"] == str(len(CONTENT))
    sidecar = await by_origin.answer(ask(FILE + ".metadata"), FILES)
    assert isinstance(sidecar, Slice)
    assert read(sidecar) == METADATA
    assert MemorySource.open == 0


async def test_a_file_with_a_query(index: MemoryIndex) -> None:
    """The suffix of METADATA stands before the query (PEP 658)."""
    index.pages[NormalizedName("demo")] = demo_page(demo_file(f"{WHEEL}?sig=1"))
    by_origin = serving(index)
    for path, data in ((f"{FILE}?sig=1", CONTENT), (f"{FILE}.metadata?sig=1", METADATA)):
        answer = await by_origin.answer(ask(path), FILES)
        assert isinstance(answer, Slice)
        assert read(answer) == data
    assert await by_origin.answer(ask(FILE), FILES) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pypi/demo/json"),
        ("GET", "/search?q=demo"),
        ("GET", "/"),
        ("GET", "/root/simple/demo/json"),
        ("GET", "/simple/demo/"),
        ("GET", "/packages/other-1.0-py3-none-any.whl"),
        ("GET", FILE + ".asc"),
        ("POST", PAGE),
        ("PUT", FILE),
        ("OPTIONS", PAGE),
    ],
)
async def test_everything_else_is_not_ours(index: MemoryIndex, method: str, path: str) -> None:
    """JSON APIs, searches, uploads, files that no page lists."""
    assert await serving(index).answer(ask(path, method), INDEX if "simple" in path else FILES) is None


@pytest.mark.parametrize("path", ["/pypi/demo/json", "/", FILE + ".asc", FILE + ".provenance", "/demo.metadata"])
async def test_only_what_can_be_a_file_is_looked_up(index: MemoryIndex, path: str) -> None:
    """A look-up may ask the upstream for pages."""

    async def never(url: str) -> File:
        raise AssertionError(url)

    by_origin = ByOrigin()
    by_origin.add(BASE, index, never, page_bytes=1)
    assert await by_origin.answer(ask(path), FILES) is None


async def test_the_same_path_on_another_origin_is_not_ours(index: MemoryIndex) -> None:
    """Scheme, host and port all count."""
    by_origin = serving(index)
    for origin in ("http://index.example", "https://index.example:8443", "https://other.example"):
        assert await by_origin.answer(ask(PAGE), origin) is None


@pytest.mark.parametrize("path", [PAGE, "/root/simple/missing/", "/root/simple/..%2Fx/"])
async def test_errors_are_those_of_the_index_face(index: MemoryIndex, path: str) -> None:
    """503 with the reason when it cannot be known, 404 when the upstream said so."""
    by_origin = serving(index)
    if path != PAGE:
        assert getattr(await by_origin.answer(ask(path), INDEX), "status", 0) == 404
        return
    index.failure = Unavailable("unreachable", "the upstream is down")
    for asked, origin in ((path, INDEX), (FILE, FILES)):
        answer = await by_origin.answer(ask(asked), origin)
        assert answer is not None
        assert answer.status == 503
        assert b"the upstream is down" in answer.head


async def test_a_login_of_the_clients_own_is_taken_to_the_upstream(index: MemoryIndex) -> None:
    """RFC 9111 §3.5: what is stored was fetched without it. With a login of ours, everybody uses that."""
    login = {"authorization": "Basic abc"}
    assert await serving(index).answer(ask(PAGE, **login), INDEX) is None
    assert await serving(index).answer(ask(FILE, **login), FILES) is None
    ours = serving(index, "https://bot:secret@index.example/root/simple/")
    assert (await page(ours, **login))["name"] == "demo"


async def test_an_index_that_refuses_us_answers_the_client_itself(index: MemoryIndex) -> None:
    """RFC 9110 §11.6.1: only its own 401 tells keyrings that it wants a login. Where we have one, our word stands."""
    index.failure = Unavailable("upstream-refused", "the index refuses access (401)")
    assert await serving(index).answer(ask(PAGE), INDEX) is None
    assert await serving(index).answer(ask(FILE), FILES) is None
    ours = serving(index, "https://bot:secret@index.example/root/simple/")
    for path, origin in ((PAGE, INDEX), (FILE, FILES)):
        assert getattr(await ours.answer(ask(path), origin), "status", 0) == 503
    index.failure = Unavailable("unreachable", "down")
    assert getattr(await serving(index).answer(ask(PAGE), INDEX), "status", 0) == 503


async def test_each_index_answers_for_itself(index: MemoryIndex) -> None:
    """Two upstreams with the same project: a client that names one gets that one's page; files are found in either."""
    url = "https://files.example/second/demo-1.0+cpu-py3-none-any.whl"
    second = MemoryIndex(demo_page(demo_file(url)))
    by_origin = serving(index)
    by_origin.add("https://second.example/simple", second, second.find, page_bytes=1 << 20)
    answer = await by_origin.answer(ask("/simple/demo/", accept=ACCEPT_PIP), "https://second.example")
    assert isinstance(answer, Prepared)
    assert json.loads(answer.body)["files"][0]["url"] == url
    assert (await page(by_origin))["files"][0]["url"] == WHEEL
    index.failure = Unavailable("unreachable", "the first is down")
    found = await by_origin.answer(ask(url.removeprefix(FILES)), FILES)
    assert isinstance(found, Slice)
    found.source.close()


def test_places() -> None:
    """The port is said where it is not the scheme's own."""
    assert place_of("HTTPS://u:p@Index.Example:443/x").origin == "https://index.example"
    assert place_of("http://index.example:8080/").origin == "http://index.example:8080"
    assert place_of("https://[::1]/").origin == "https://[::1]"
    for bad in ("ftp://a/", "nothing", "https:///x"):
        with pytest.raises(ValueError, match="not a web address"):
            place_of(bad)
