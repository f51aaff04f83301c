"""Files: whole, in part, by HEAD, conditionally; and their metadata."""

from __future__ import annotations

import hashlib

import pytest
from tests.web.site import CONTENT, METADATA, MemoryIndex, ask, demo_file, demo_page, demo_site, fields, read

from pipway.errors import Unavailable
from pipway.wire.answer import Prepared, Slice

PATH = "/files/https/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"
TAG = f'"sha256-{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex(demo_page())


async def test_a_whole_file(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask(PATH, accept_encoding="gzip, zstd"))
    assert isinstance(answer, Slice)
    assert answer.status == 200
    assert (answer.start, answer.length) == (0, len(CONTENT))
    assert fields(answer) == {
        "content-type": "application/octet-stream",
        "content-length": str(len(CONTENT)),
        "accept-ranges": "bytes",
        "etag": TAG,
        "cache-control": "max-age=365000000, immutable",
        "x-content-type-options": "nosniff",
    }  # and no Content-Encoding, whatever the client accepts (proxpi 67, poetry 5901)
    assert read(answer) == CONTENT


async def test_a_file_may_be_repeated(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask(PATH))
    assert isinstance(answer, Slice)
    assert answer.lease is index.lease
    assert answer.reopen is not None
    answer.source.close()
    again = answer.reopen()
    assert again.size == len(CONTENT)
    again.close()


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, 2048), ("bytes=-16", 2032, 2048), ("bytes=2000-99999", 2000, 2048)],
)
async def test_one_range(index: MemoryIndex, header: str, start: int, stop: int) -> None:
    answer = await demo_site(index).answer(ask(PATH, range=header))
    assert isinstance(answer, Slice)
    assert answer.status == 206
    assert fields(answer)["content-range"] == f"bytes {start}-{stop - 1}/2048"  # pip 14131: a wrong start breaks pip
    assert fields(answer)["content-length"] == str(stop - start)
    assert fields(answer)["etag"] == TAG
    assert read(answer) == CONTENT[start:stop]


@pytest.mark.parametrize("header", ["bytes=0-1, 5-6", "bytes=9-1", "pages=1-2", "bytes=x"])
async def test_other_ranges_give_the_whole_file(index: MemoryIndex, header: str) -> None:
    answer = await demo_site(index).answer(ask(PATH, range=header))
    assert answer is not None
    assert answer.status == 200
    assert "content-range" not in fields(answer)
    assert read(answer) == CONTENT


@pytest.mark.parametrize("header", ["bytes=2048-", "bytes=-0"])
async def test_a_range_outside_is_416_with_the_true_length(index: MemoryIndex, header: str) -> None:
    """RFC 9110 §15.5.17. The conftest's fixture sees that the opened file is closed."""
    answer = await demo_site(index).answer(ask(PATH, range=header))
    assert isinstance(answer, Prepared)
    assert answer.status == 416
    assert fields(answer)["content-range"] == "bytes */2048"
    assert fields(answer)["cache-control"] == "no-store"
    assert answer.lease is None


@pytest.mark.parametrize(("tag", "status"), [(TAG, 206), (f"W/{TAG}", 200), ('"other"', 200)])
async def test_if_range_needs_our_strong_tag(index: MemoryIndex, tag: str, status: int) -> None:
    answer = await demo_site(index).answer(ask(PATH, range="bytes=5-", if_range=tag))
    assert answer is not None
    assert answer.status == status
    assert read(answer) == (CONTENT[5:] if status == 206 else CONTENT)


async def test_if_range_with_a_date_never_matches(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask(PATH, range="bytes=5-", if_range="Sat, 21 Nov 2026 00:00:00 GMT"))
    assert answer is not None
    assert answer.status == 200
    assert read(answer) == CONTENT


async def test_head_gives_the_true_length_without_opening_the_file(index: MemoryIndex) -> None:
    """uv 17943 (0), uv 1370 (another length), and no download for a question about the length."""
    site = demo_site(index)
    answer = await site.answer(ask(PATH, "HEAD", range="bytes=0-9"))
    assert isinstance(answer, Prepared)
    got = await site.answer(ask(PATH))
    assert answer.status == 200
    assert fields(answer) == fields(got)
    assert (index.sized, index.opened) == (1, 1)
    read(got)


async def test_if_none_match_is_answered_without_opening_the_file(index: MemoryIndex) -> None:
    answer = await demo_site(index).answer(ask(PATH, if_none_match=f'"x", W/{TAG}'))
    assert isinstance(answer, Prepared)
    assert answer.status == 304
    assert fields(answer) == {"etag": TAG, "cache-control": "max-age=365000000, immutable"}
    assert index.opened == 0


async def test_without_a_digest_the_stores_tag_counts_and_nothing_is_for_ever() -> None:
    index = MemoryIndex(demo_page(demo_file(digest="")))
    site = demo_site(index)
    answer = await site.answer(ask(PATH))
    assert fields(answer)["etag"] == '"of-the-store"'
    assert "immutable" not in fields(answer)["cache-control"]
    read(answer)
    again = await site.answer(ask(PATH, if_none_match='"of-the-store"'))
    assert again is not None
    assert again.status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/files/",
        "/files/https/files.example/packages/aa/bb/other-1.0.whl",
        "/files/https/files.example/../simple/demo/",
        "/files/https/files.example/packages/aa/bb/..%2Fbb/demo-1.0-py3-none-any.whl",
        "/files/file/etc/passwd",
        "/files/https/u:p@files.example/packages/aa/bb/demo-1.0-py3-none-any.whl",
        "/files/http/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl",
    ],
)
async def test_only_what_a_page_offers_is_served(index: MemoryIndex, path: str) -> None:
    answer = await demo_site(index).answer(ask(path))
    assert isinstance(answer, Prepared)
    assert answer.status == 404
    assert fields(answer)["content-type"] == "application/problem+json"
    assert index.opened == 0


async def test_an_outage_is_503_and_never_404(index: MemoryIndex) -> None:
    index.failure = Unavailable("upstream-down", "the index does not answer", retry_after=1)
    for path in (PATH, PATH + ".metadata"):
        for method in ("GET", "HEAD"):
            answer = await demo_site(index).answer(ask(path, method))
            assert answer is not None
            assert answer.status == 503
            assert fields(answer)["retry-after"] == "1"
            assert answer.head.startswith(b"HTTP/1.1 503 pipway: the index does not answer")


async def test_metadata_is_the_files_own(index: MemoryIndex) -> None:
    """PEP 658: the file's URL with .metadata appended, its bytes exactly."""
    answer = await demo_site(index).answer(ask(PATH + ".metadata"))
    assert isinstance(answer, Slice)
    assert fields(answer)["content-type"] == "text/plain; charset=utf-8"
    assert fields(answer)["content-length"] == str(len(METADATA))
    assert fields(answer)["etag"] == f'"sha256-{hashlib.sha256(METADATA).hexdigest()}"'
    assert "content-encoding" not in fields(answer)
    assert read(answer) == METADATA


async def test_metadata_stands_before_the_query() -> None:
    url = "https://files.example/demo-1.0-py3-none-any.whl?sig=1"
    site = demo_site(MemoryIndex(demo_page(demo_file(url))))
    answer = await site.answer(ask("/files/https/files.example/demo-1.0-py3-none-any.whl.metadata?sig=1"))
    assert read(answer) == METADATA


async def test_metadata_by_head_by_range_and_conditionally() -> None:
    tag = hashlib.sha256(METADATA).hexdigest()
    index = MemoryIndex(demo_page(demo_file(core_metadata={"sha256": tag})))
    site = demo_site(index)
    whole = await site.answer(ask(PATH + ".metadata", "HEAD"))
    assert isinstance(whole, Prepared)
    assert fields(whole)["content-length"] == str(len(METADATA))
    part = await site.answer(ask(PATH + ".metadata", range="bytes=0-3"))
    assert read(part) == METADATA[:4]
    opened = index.opened
    unchanged = await site.answer(ask(PATH + ".metadata", if_none_match=f'"sha256-{tag}"'))
    assert unchanged is not None
    assert unchanged.status == 304
    assert index.opened == opened
