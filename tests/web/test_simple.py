"""Project pages and the project list: negotiation, validators, freshness, names, outages."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
import zstandard
from tests.web.site import (
    ACCEPT_PIP,
    ACCEPT_UV,
    MemoryIndex,
    ask,
    demo_file,
    demo_page,
    demo_site,
    fields,
)

from pipway.errors import BadUpstream, Unavailable
from pipway.simple.names import normalize
from pipway.wire.answer import Answer, Prepared, Streamed

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex(demo_page())


def prepared(answer: Answer | None, status: int = 200) -> Prepared:
    assert isinstance(answer, Prepared)
    assert answer.status == status
    if status == 200:
        assert fields(answer)["content-length"] == str(len(answer.body))
    return answer


async def streamed(answer: Answer | None) -> bytes:
    assert isinstance(answer, Streamed)
    assert "content-length" not in fields(answer)
    chunks = [chunk async for chunk in answer.chunks]
    assert all(chunks), "an empty chunk ends a chunked body"
    return b"".join(chunks)


@pytest.mark.parametrize("accept", [ACCEPT_PIP, ACCEPT_UV])
async def test_pip_and_uv_get_json(index: MemoryIndex, accept: str) -> None:
    """index-protocol §10.1: Pulp answers both with HTML."""
    answer = prepared(await demo_site(index).answer(ask("/simple/demo/", accept=accept)))
    assert fields(answer)["content-type"] == JSON
    page = json.loads(answer.body)
    assert page["name"] == "demo"
    assert page["files"][0]["url"] == "../../files/https/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        (f"{HTML}, {JSON};q=0.1", HTML),
        (f"{JSON};q=0, {HTML};q=0.1", HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
    ],
)
async def test_the_form_follows_accept(index: MemoryIndex, accept: str | None, content_type: str) -> None:
    request = ask("/simple/demo/") if accept is None else ask("/simple/demo/", accept=accept)
    answer = prepared(await demo_site(index).answer(request))
    assert fields(answer)["content-type"] == content_type
    assert fields(answer)["vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("value", [JSON, JSON.replace("+", "%2B"), JSON.replace("+", "%20")])
async def test_format_takes_precedence_and_survives_a_decoded_plus(index: MemoryIndex, value: str) -> None:
    answer = prepared(await demo_site(index).answer(ask(f"/simple/demo/?format={value}", accept="text/html")))
    assert fields(answer)["content-type"] == JSON


@pytest.mark.parametrize("path", ["/simple/demo/", "/simple/"])
async def test_406_lists_what_there_is_and_varies(index: MemoryIndex, path: str) -> None:
    answer = prepared(await demo_site(index).answer(ask(path, accept="image/png")), 406)
    assert fields(answer)["vary"] == "Accept, Accept-Encoding"
    assert fields(answer)["content-type"] == "application/problem+json"
    assert JSON in json.loads(answer.body)["detail"]
    assert index.asked == []


async def test_both_forms_say_the_same(index: MemoryIndex) -> None:
    site = demo_site(index)
    page = json.loads(prepared(await site.answer(ask("/simple/demo/", accept=JSON))).body)
    html = prepared(await site.answer(ask("/simple/demo/"))).body.decode()
    for file in page["files"]:
        assert f'href="{file["url"]}#sha256={file["hashes"]["sha256"]}"' in html
        assert f">{file['filename']}</a>" in html


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate", "gzip"), ("zstd, gzip;q=0.5", "zstd"), ("identity", None), ("", None), ("br", None)],
)
async def test_the_encoding_follows_accept_encoding(index: MemoryIndex, accepted: str, coding: str | None) -> None:
    site = demo_site(index)
    plain = prepared(await site.answer(ask("/simple/demo/", accept=JSON))).body
    answer = prepared(await site.answer(ask("/simple/demo/", accept=JSON, accept_encoding=accepted)))
    assert fields(answer).get("content-encoding") == coding
    if coding == "gzip":
        assert gzip.decompress(answer.body) == plain
    elif coding == "zstd":
        assert zstandard.ZstdDecompressor().decompress(answer.body) == plain
    else:
        assert answer.body == plain


async def test_every_representation_has_its_own_strong_tag(index: MemoryIndex) -> None:
    site = demo_site(index)
    tags = [
        fields(await site.answer(ask("/simple/demo/", accept=form, accept_encoding=coding)))["etag"]
        for form in (JSON, HTML, "text/html")
        for coding in ("identity", "gzip", "zstd")
    ]
    assert len(set(tags)) == 9
    assert all(tag.startswith('"') for tag in tags)


async def test_tags_survive_a_restart(index: MemoryIndex) -> None:
    request = ask("/simple/demo/", accept=JSON, accept_encoding="gzip")
    first, second = [fields(await demo_site(index).answer(request))["etag"] for _ in range(2)]
    assert first == second


async def test_304_carries_what_a_cache_needs_and_can_be_repeated(index: MemoryIndex) -> None:
    """RFC 9110 §15.4.5: ETag, Vary and Cache-Control as the 200 has them."""
    site = demo_site(index)
    full = fields(await site.answer(ask("/simple/demo/", accept=JSON)))
    for condition in (full["etag"], f'"old", W/{full["etag"]}', "*"):
        answer = prepared(await site.answer(ask("/simple/demo/", accept=JSON, if_none_match=condition)), 304)
        assert answer.body == b""
        assert fields(answer) == {name: full[name] for name in ("etag", "vary", "cache-control")}
        assert answer.lease is index.lease
    other = await site.answer(ask("/simple/demo/", accept="text/html", if_none_match=full["etag"]))
    prepared(other, 200)


async def test_a_page_is_made_once_and_made_anew_when_it_changes(index: MemoryIndex) -> None:
    """index-protocol §10.1: proxpi serialises and compresses every response."""
    site = demo_site(index)
    request = ask("/simple/demo/", accept=JSON, accept_encoding="gzip")
    first = prepared(await site.answer(request))
    assert prepared(await site.answer(request)).body is first.body
    index.pages[normalize("demo")] = demo_page(demo_file(yanked="broken"))
    changed = prepared(await site.answer(request))
    assert b'"broken"' in gzip.decompress(changed.body)
    assert fields(changed)["etag"] != fields(first)["etag"]


async def test_a_fresh_page_is_repeatable_and_briefly_cacheable(index: MemoryIndex) -> None:
    answer = prepared(await demo_site(index).answer(ask("/simple/demo/", accept=JSON)))
    assert answer.lease is index.lease
    assert fields(answer)["cache-control"] == "max-age=60"
    assert fields(answer)["x-content-type-options"] == "nosniff"
    assert "x-pypi-last-serial" not in fields(answer)  # a false one freezes devpi (devpi 972)


async def test_a_stale_page_says_so_and_is_asked_for_again(index: MemoryIndex) -> None:
    index.outcome = "stale"
    index.fetched = datetime(2020, 1, 1, tzinfo=UTC)
    answer = prepared(await demo_site(index).answer(ask("/simple/demo/", accept=JSON)))
    assert answer.outcome == "stale"
    assert answer.lease is None
    assert fields(answer)["cache-control"] == "no-cache"
    assert fields(answer)["warning"].startswith("111 ")
    assert int(fields(answer)["age"]) > 5 * 365 * 86400


@pytest.mark.parametrize(
    ("control", "client", "recheck"),
    [
        ("max-age=0", "pip/26.2.1 {}", True),
        ("max-age=0", "pip/25.0.1 {}", False),
        ("max-age=0", "pip/20.3 {}", False),
        ("max-age=0", "curl/8.0", True),
        ("no-cache", "pip/25.0.1 {}", True),
        ("no-cache", "uv/0.13.8", True),
        ("max-age=600", "uv/0.13.8", False),
    ],
)
async def test_a_wish_for_the_newest_state_is_passed_on(
    index: MemoryIndex, control: str, client: str, recheck: bool
) -> None:
    """pip before 26.2 says max-age=0 always, which means nothing."""
    answer = prepared(
        await demo_site(index).answer(ask("/simple/demo/", accept=JSON, cache_control=control, user_agent=client))
    )
    assert index.asked == [("demo", recheck)]
    assert (answer.lease is None) is recheck


@pytest.mark.parametrize("name", ["Demo", "dEmO", "%64emo"])
async def test_an_unnormalised_name_is_answered_directly(index: MemoryIndex, name: str) -> None:
    site = demo_site(index)
    answer = prepared(await site.answer(ask(f"/simple/{name}/", accept=JSON)))
    assert answer.body == prepared(await site.answer(ask("/simple/demo/", accept=JSON))).body
    assert answer.lease is None


async def test_runs_of_separators_collapse(index: MemoryIndex) -> None:
    index.pages[normalize("a-b")] = demo_page(name="a-b")
    prepared(await demo_site(index).answer(ask("/simple/A-_.b/", accept=JSON)))
    assert index.asked == [("a-b", False)]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "simple/"),
        ("/simple?format=x", "simple/?format=x"),
        ("/simple/demo", "demo/"),
        ("/simple/De__mo?format=text/html", "de-mo/?format=text/html"),
    ],
)
async def test_a_missing_slash_is_a_relative_redirect(index: MemoryIndex, path: str, location: str) -> None:
    answer = prepared(await demo_site(index).answer(ask(path)), 301)
    assert fields(answer)["location"] == location
    assert index.asked == []


@pytest.mark.parametrize("name", ["-demo", "de mo", "de%2Fmo", "..", "%2e%2e", "d%C3%A9mo", "%ff", "a" * 300, "demo/x"])
async def test_what_can_be_no_name_is_404_without_asking(index: MemoryIndex, name: str) -> None:
    answer = prepared(await demo_site(index).answer(ask(f"/simple/{name}/", accept=JSON)), 404)
    assert fields(answer)["content-type"] == "application/problem+json"
    assert index.asked == []


async def test_only_a_real_404_is_404(index: MemoryIndex) -> None:
    site = demo_site(index)
    prepared(await site.answer(ask("/simple/unknown/", accept=JSON)), 404)
    index.failure = Unavailable("upstream-down", "the index does not answer", retry_after=1)
    for path in ("/simple/unknown/", "/simple/demo/", "/simple/"):
        answer = prepared(await site.answer(ask(path, accept=JSON)), 503)
        assert fields(answer)["retry-after"] == "1"
        assert fields(answer)["cache-control"] == "no-store"
        assert answer.lease is None
    index.failure = BadUpstream("bad-page", "the index sent something else")
    prepared(await site.answer(ask("/simple/demo/", accept=JSON)), 502)


async def test_a_quarantined_project_offers_no_files() -> None:
    """PEP 792: an index MUST NOT offer files of a quarantined project."""
    index = MemoryIndex(demo_page(status="quarantined", status_reason="malware"))
    site = demo_site(index)
    page = json.loads(prepared(await site.answer(ask("/simple/demo/", accept=JSON))).body)
    assert page["files"] == []
    assert page["project-status"] == {"status": "quarantined", "reason": "malware"}
    assert b"<a " not in prepared(await site.answer(ask("/simple/demo/"))).body


async def test_what_cannot_be_served_is_not_advertised() -> None:
    index = MemoryIndex(demo_page(demo_file("ftp://files.example/demo-2.0-py3-none-any.whl"), demo_file()))
    page = json.loads(prepared(await demo_site(index).answer(ask("/simple/demo/", accept=JSON))).body)
    assert [file["filename"] for file in page["files"]] == ["demo-1.0-py3-none-any.whl"]
    assert page["versions"] == ["1.0"]


async def test_json_has_no_dist_info_metadata_and_html_has_both() -> None:
    """PEP 714; bandersnatch PR 2311: old pip misreads the JSON key."""
    index = MemoryIndex(demo_page(demo_file(core_metadata={"sha256": "00" * 32})))
    site = demo_site(index)
    page = prepared(await site.answer(ask("/simple/demo/", accept=JSON))).body
    assert b'"core-metadata"' in page
    assert b"dist-info-metadata" not in page
    html = prepared(await site.answer(ask("/simple/demo/"))).body
    assert b"data-core-metadata=" in html
    assert b"data-dist-info-metadata=" in html


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_the_list_is_streamed_in_json(index: MemoryIndex, coding: str) -> None:
    answer = await demo_site(index).answer(ask("/simple/", accept=JSON, accept_encoding=coding))
    body = await streamed(answer)
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "zstd":
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert fields(answer)["content-type"] == JSON
    assert fields(answer)["vary"] == "Accept, Accept-Encoding"
    assert [project["name"] for project in json.loads(body)["projects"]] == ["Demo", "other", "third"]
    assert index.closed_lists == 1


async def test_the_list_is_streamed_in_html(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask("/simple/"))
    body = (await streamed(answer)).decode()
    assert '<a href="demo/">Demo</a>' in body
    assert body.count("<a ") == 3
    assert body.rstrip().endswith("</html>")


async def test_an_empty_list_is_still_a_list(index: MemoryIndex) -> None:
    index.batches = []
    assert json.loads(await streamed(await demo_site(index).answer(ask("/simple/", accept=JSON))))["projects"] == []


async def test_a_list_nobody_reads_is_closed(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask("/simple/", accept=JSON))
    assert isinstance(answer, Streamed)
    await answer.chunks.aclose()  # type: ignore[attr-defined]
    await answer.chunks.aclose()  # type: ignore[attr-defined]
    assert index.closed_lists == 1
    assert [chunk async for chunk in answer.chunks] == []
