"""Rude upstreams: what a client sees for each, and that nothing wrong stays behind once the upstream is well again.

Every case has its own pipway. After the fault the server is started anew on the same data folder, so that neither its
breaker nor its memory helps: what it serves then comes from its store or from the healed upstream.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.clients import Pip, Uv, installed
from tests.e2e.served import Answer, cache_verify, serving
from tests.servers import rude
from tests.servers.upstream import Upstream, make_wheel

JSON = "application/vnd.pypi.simple.v1+json"
SIZE = 300_000
#: Short limits, so that silence is noticed within a test's time.
HURRIED = {
    "limits.connect": "1s",
    "limits.first_byte": "500ms",
    "limits.stall": "500ms",
    "cache.patience": "500ms",
    "cache.page_ttl": "10m",
}
#: A page fault is answered within this many seconds: limits above, a few tries, and a busy machine.
ANSWERED = 15.0


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("foo", "1.0", size_padding=SIZE)
        upstream.add_wheel("well", "1.0")
        yield upstream


def source(upstream: Upstream) -> str:
    return f"main={upstream.url}"


def check_healed(upstream: Upstream, data: Path) -> None:
    """After the fault: the right page, the right bytes, and a store without a flaw."""
    upstream.heal()
    file = upstream.project("foo").files[0]
    with serving(data, source(upstream), settings=HURRIED) as server:
        [entry] = server.page("foo")["files"]
        assert entry["hashes"] == {"sha256": file.digest}
        answer = server.get(server.link("foo"))
        assert (answer.status, answer.whole, answer.body == file.data) == (200, True, True)
        assert server.get(server.link("foo") + ".metadata").body == file.metadata
    verified = cache_verify(data)
    assert verified.returncode == 0, verified


# -- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PageCase:
    """A spoilt project page. `served`: the client gets the right page all the same."""

    name: str
    behaviour: rude.Behaviour
    served: bool = False
    times: int | None = None


PAGE_CASES = [
    PageCase("drips one byte at a time", rude.dripping(), served=True),
    PageCase("truncated", rude.truncated(after=100)),
    PageCase("says more than it sends", rude.misdeclaring(+100)),
    PageCase("says less than it sends", rude.misdeclaring(-100)),
    PageCase("reset before the head", rude.resetting(after=-1)),
    PageCase("reset in the body", rude.resetting(after=100)),
    PageCase("reset once", rude.resetting(after=100), served=True, times=1),
    PageCase("never answers", rude.silent()),
    PageCase("stalls in the body", rude.stalling(after=100)),
    PageCase("500s", rude.failing(500)),
    PageCase("503s with Retry-After", rude.failing(503, retry_after=7)),
    PageCase("one 503", rude.failing(503), served=True, times=1),
    PageCase("redirects in a circle", rude.circling(hops=2)),
    PageCase("redirects to itself", rude.circling(hops=1)),
    PageCase("HTML that says it is JSON", rude.html_for_json()),
    PageCase("JSON of another project", rude.misnamed("bar")),
    PageCase("a page of 50 MB", rude.huge_page()),
    PageCase("JSON 100 000 deep", rude.deep_json()),
    PageCase("chunks that are none", rude.bad_chunking()),
    PageCase("chunks without an end", rude.chunked(piece=64, ending=b"")),
    PageCase("honest chunks", rude.chunked(piece=64), served=True),
    PageCase("two lengths", rude.both_lengths()),
    PageCase("headers without an end", rude.endless_headers()),
    PageCase("not HTTP", rude.raw(b"SSH-2.0-OpenSSH_9.9\r\n")),
    PageCase("closes after every answer", rude.closing(), served=True),
    PageCase("an unknown type", rude.answering(200, b"%PDF-1.7", Content_Type="application/pdf")),
    PageCase("401", rude.answering(401, WWW_Authenticate="Basic")),
    PageCase("gzip that is none", rude.labelled("gzip")),
    PageCase("an unknown coding", rude.labelled("br")),
]


@pytest.mark.parametrize("case", PAGE_CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_page(case: PageCase, upstream: Upstream, tmp_path: Path) -> None:
    """An outage is 502 or 503 with a reason, never 404, never a page with fewer files; the server lives on."""
    upstream.behave("/simple/foo/", case.behaviour, times=case.times)
    data = tmp_path / "data"
    with serving(data, source(upstream), settings=HURRIED) as server:
        began = time.monotonic()
        answer = server.get("/simple/foo/", accept=JSON)
        assert time.monotonic() - began < ANSWERED
        assert server.get("/health").status == 200
        if case.served:
            assert answer.status == 200
            assert upstream.project("foo").files[0].digest.encode() in answer.body
        else:
            check_refused(answer)
    check_healed(upstream, data)


def check_refused(answer: Answer) -> None:
    """What an outage looks like to a client (index-protocol §7, refusals §5)."""
    assert answer.status in (502, 503), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.reason.startswith("pipway: ")
    assert answer.reason.isascii()
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deeply_nested_html_is_read_or_refused_but_never_kills(depth: int, upstream: Upstream, tmp_path: Path) -> None:
    """A page without any link is what a captive portal sends: not a project without files."""
    upstream.form = "html"
    upstream.behave("/simple/foo/", rude.deep_html(depth))
    with serving(tmp_path / "data", source(upstream), settings=HURRIED) as server:
        answer = server.get("/simple/foo/", accept=JSON)
        assert answer.status in (200, 502, 503), answer
        assert server.get("/simple/well/").status == 200
    check_healed_later(upstream, tmp_path / "data")


def check_healed_later(upstream: Upstream, data: Path) -> None:
    """As `check_healed`, where a wrong but harmless page may be stored: it is gone after its freshness."""
    upstream.heal()
    with serving(data, source(upstream), settings=HURRIED | {"cache.page_ttl": "0s"}) as server:
        server.get("/simple/foo/", cache_control="max-age=0")
    check_healed(upstream, data)


@pytest.mark.parametrize(
    "behaviour",
    [rude.failing(500), rude.silent(), rude.resetting(after=10), rude.truncated(after=10), rude.html_for_json()],
    ids=["500", "silent", "reset", "truncated", "html-for-json"],
)
def test_a_stored_page_outlives_the_fault(behaviour: rude.Behaviour, upstream: Upstream, tmp_path: Path) -> None:
    """What was seen once stays installable, also when it is long past its freshness (stale-if-error)."""
    data = tmp_path / "data"
    with serving(data, source(upstream), settings=HURRIED) as server:
        server.get(server.link("foo"))
    upstream.behave("*", behaviour)
    stale = HURRIED | {"cache.page_ttl": "0s", "cache.stale_while_revalidate": "0s"}
    with serving(data, source(upstream), settings=stale) as server:
        began = time.monotonic()
        [entry] = server.page("foo")["files"]
        assert time.monotonic() - began < ANSWERED
        assert entry["hashes"] == {"sha256": upstream.project("foo").files[0].digest}
        assert server.get(server.link("foo")).body == upstream.project("foo").files[0].data
    check_healed(upstream, data)


def test_a_real_404_is_404(upstream: Upstream, tmp_path: Path) -> None:
    """The one case in which "no such package" is true."""
    with serving(tmp_path / "data", source(upstream)) as server:
        assert server.get("/simple/nothing/").status == 404


# -- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileCase:
    """A spoilt wheel. `seen`: "right" bytes, a broken-off body ("cut"), or an "error" answer; several may be fine."""

    name: str
    behaviour: rude.Behaviour
    seen: frozenset[str]
    times: int | None = None


def seen(*what: str) -> frozenset[str]:
    return frozenset(what)


FILE_CASES = [
    FileCase("drips", rude.dripping(piece=500), seen("right")),
    FileCase("truncated for ever", rude.truncated(after=20_000), seen("right", "cut", "error")),
    FileCase("truncated once", rude.truncated(after=100_000), seen("right"), times=1),
    FileCase("reset for ever at once", rude.resetting(after=0), seen("cut", "error")),
    FileCase("reset once in the middle", rude.resetting(after=150_000), seen("right"), times=1),
    FileCase("reset before the head", rude.resetting(after=-1), seen("error")),
    FileCase("stalls once", rude.stalling(after=100_000), seen("right"), times=1),
    FileCase("stalls at once for ever", rude.stalling(after=0), seen("cut", "error")),
    FileCase("never answers", rude.silent(), seen("error")),
    FileCase("never answers once", rude.silent(), seen("right", "error"), times=1),
    FileCase("wrong digest", rude.tampered(), seen("cut", "error")),
    FileCase("wrong digest at the start", rude.tampered(at=0), seen("cut", "error")),
    FileCase("says more than it sends", rude.misdeclaring(+10), seen("cut", "error", "right")),
    FileCase("says less than it sends", rude.misdeclaring(-10), seen("cut", "error", "right")),
    FileCase("500s", rude.failing(500), seen("error")),
    FileCase("503 twice", rude.failing(503, retry_after=0), seen("right", "error"), times=2),
    FileCase("redirects in a circle", rude.circling(), seen("error")),
    FileCase("a login page", rude.portal(), seen("cut", "error")),
    FileCase("chunked", rude.chunked(), seen("right")),
    FileCase("chunked without an end", rude.chunked(ending=b""), seen("right")),  # all came, and the digest says so
    FileCase("bad chunks", rude.bad_chunking(), seen("cut", "error")),
    FileCase("two lengths", rude.both_lengths(), seen("cut", "error")),
    FileCase("called gzip", rude.labelled("gzip"), seen("right")),
    FileCase("a range from elsewhere", rude.misplaced_range(), seen("right")),
    FileCase("closes after every answer", rude.closing(), seen("right")),
]


@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_file(case: FileCase, upstream: Upstream, tmp_path: Path) -> None:
    """A client gets the right bytes, a body that visibly breaks off, or an error; never a whole wrong file."""
    file = upstream.project("foo").files[0]
    upstream.behave(file.path, case.behaviour, times=case.times)
    data = tmp_path / "data"
    with serving(data, source(upstream), settings=HURRIED) as server:
        answer = server.get(server.link("foo"))
        assert what_was_seen(answer, file.digest) in case.seen, (answer.status, answer.reason, len(answer.body))
        if answer.status != 200:
            check_refused(answer)
    check_healed(upstream, data)


def what_was_seen(answer: Answer, digest: str) -> str:
    """Name what the client got; "WRONG" when it would believe wrong bytes."""
    if answer.status != 200:
        return "error"
    if not answer.whole:
        return "cut"
    return "right" if hashlib.sha256(answer.body).hexdigest() == digest else "WRONG"


def test_a_sdist_called_gzip_is_not_unpacked(upstream: Upstream, tmp_path: Path) -> None:
    """Content-Encoding on a .tar.gz is the upstream's mistake (proxpi#67, poetry#5901): the bytes stay as they are."""
    file = upstream.add_sdist("source-only", "1.0")
    upstream.behave(file.path, rude.labelled("gzip"))
    with serving(tmp_path / "data", source(upstream)) as server:
        for _ in range(2):
            answer = server.get(server.link("source-only"))
            assert answer.body == file.data
            assert "content-encoding" not in answer.headers


def test_a_broken_download_is_resumed_not_repeated(upstream: Upstream, tmp_path: Path) -> None:
    """The client sees one whole answer; the upstream sees a Range that starts where it broke."""
    file = upstream.project("foo").files[0]
    upstream.behave(file.path, rude.resetting(after=200_000), times=1)
    with serving(tmp_path / "data", source(upstream), settings=HURRIED) as server:
        assert server.get(server.link("foo")).body == file.data
    first, *later = upstream.asked(file.path, method="GET")
    assert first.header("range") == ""
    starts = [int(request.header("range").removeprefix("bytes=").rstrip("-").partition("-")[0]) for request in later]
    assert starts
    assert all(start > 0 for start in starts)
    assert all(request.header("if-range") for request in later)


def test_a_file_that_changed_meanwhile_is_not_glued_together(upstream: Upstream, tmp_path: Path) -> None:
    """If-Range fails, so the whole new file comes; its digest is not the page's, so nobody may believe it."""
    file = upstream.project("foo").files[0]
    other = make_wheel("foo", "1.0", size_padding=SIZE, metadata_extra="Summary: another\n")
    upstream.behave(file.path, rude.answering(200, other, Content_Type="application/octet-stream", ETag='"other"'))
    upstream.behave(file.path, rude.resetting(after=100_000), times=1)
    with serving(tmp_path / "data", source(upstream), settings=HURRIED) as server:
        assert what_was_seen(server.get(server.link("foo")), file.digest) in ("cut", "error")
    check_healed(upstream, tmp_path / "data")


# -- metadata --------------------------------------------------------------------------------------------------------


def test_wrong_metadata_is_never_served(upstream: Upstream, tmp_path: Path) -> None:
    """The page promised a digest; pip would stop at the difference, uv would not even look (index-protocol §4)."""
    file = upstream.project("foo").files[0]
    upstream.behave(file.path + ".metadata", rude.tampered())
    with serving(tmp_path / "data", source(upstream), settings=HURRIED) as server:
        answer = server.get(server.link("foo") + ".metadata")
        assert answer.status != 404
        assert not answer.whole or answer.status >= 500 or answer.body == file.metadata
    check_healed(upstream, tmp_path / "data")


def test_a_zip_bomb_in_metadata_is_refused_and_the_file_still_served(upstream: Upstream, tmp_path: Path) -> None:
    """100 MB of METADATA in a small wheel: bounded while it is unpacked (AK#2561), and never a reason to say 404."""
    upstream.form = "minimal"
    bomb = make_wheel("bomb", "1.0", metadata=b"Metadata-Version: 2.1\nName: bomb\nVersion: 1.0\n" + b"x" * (100 << 20))
    file = upstream.add_file("bomb", "bomb-1.0-py3-none-any.whl", bomb)
    upstream.behave(file.path + ".metadata", rude.answering(404))
    with serving(tmp_path / "data", source(upstream)) as server:
        before = server.metrics()["process_resident_memory_bytes"]
        answer = server.get(server.link("bomb") + ".metadata")
        assert answer.status in (404, 502, 503), answer.status
        assert server.get(server.link("bomb")).body == bomb
        assert server.metrics()["process_resident_memory_bytes"] - before < 64 << 20


def test_metadata_is_taken_out_of_the_wheel_the_right_way(upstream: Upstream, tmp_path: Path) -> None:
    """Of two dist-info folders it is the one the file name means (pulp#1101 took the first)."""
    decoy = {"aaa-9.dist-info/METADATA": b"Metadata-Version: 2.1\nName: aaa\nVersion: 9\n"}
    upstream.form = "minimal"
    data = make_wheel("two", "1.0", members=decoy, size_padding=SIZE)
    file = upstream.add_file("two", "two-1.0-py3-none-any.whl", data)
    upstream.behave(file.path + ".metadata", rude.answering(404))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        right = archive.read("two-1.0.dist-info/METADATA")
    with serving(tmp_path / "data", source(upstream)) as server:
        answer = server.get(server.link("two") + ".metadata")
        assert (answer.status, answer.body) == (200, right)
    assert all(request.header("range") or request.method == "HEAD" for request in upstream.asked(file.path))


# -- installers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installer", [Pip("26.*"), Uv()], ids=lambda each: each.name)
def test_installers_fail_on_wrong_bytes_and_succeed_on_broken_lines(
    installer: Pip | Uv, upstream: Upstream, tmp_path: Path
) -> None:
    """A file that was tampered with upstream is not installed; a line that broke once is not even noticed."""
    foo, well = upstream.project("foo").files[0], upstream.project("well").files[0]
    upstream.behave(foo.path, rude.tampered())
    upstream.behave(well.path, rude.resetting(after=200), times=1)
    env = {"UV_HTTP_RETRIES": "0"}
    options = ["--retries", "0"] if isinstance(installer, Pip) else []
    with serving(tmp_path / "data", source(upstream), settings=HURRIED) as server:
        bad = installer.install(server.index, ["foo"], tmp_path / "bad", options=options, env=env)
        good = installer.install(server.index, ["well"], tmp_path / "good", options=options, env=env)
    assert bad.code != 0
    assert installed(tmp_path / "bad") == set()
    assert good.code == 0, good
    check_healed(upstream, tmp_path / "data")
