"""The test servers judged by others: pip, uv, pypi-simple, requests and bare sockets."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import socket
import ssl
import sys
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import h11
import pypi_simple
import pytest
import trustme
from tests.servers import rude
from tests.servers.black_hole import black_hole, vanished
from tests.servers.rude import Gate
from tests.servers.upstream import Upstream, make_sdist, make_wheel

JSON = "application/vnd.pypi.simple.v1+json"


class Judge:
    """One HTTP/1.1 connection read by h11, which is strict about framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.CLIENT)

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; h11.RemoteProtocolError when the answer is malformed."""
        asked = [("Host", "x"), *((key.replace("_", "-"), value) for key, value in headers.items())]
        if self._state.our_state is h11.DONE:
            self._state.start_next_cycle()
        request = h11.Request(method=method, target=path, headers=asked)
        self._writer.write(self._state.send(request) or b"")
        self._writer.write(self._state.send(h11.EndOfMessage()) or b"")
        head: h11.Response | None = None
        body = b""
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._state.receive_data(await self._reader.read(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return head.status_code, {k.decode(): v.decode() for k, v in head.headers}, body

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.fixture
async def index() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        upstream.add_wheel("Foo.Bar", "1.0", requires=["baz"], requires_python=">=3.6", page={"yanked": 'it "broke"'})
        upstream.add_sdist("Foo.Bar", "1.0", requires=["baz"])
        upstream.add_wheel("baz", "2.0", size_padding=100_000)
        yield upstream


async def connected(upstream: Upstream) -> Judge:
    host, _, port = upstream.origin.partition("://")[2].partition(":")
    return Judge(*await asyncio.open_connection(host, int(port)))


async def test_one_connection_answers_many_requests_and_every_one_is_recorded(index: Upstream) -> None:
    judge = await connected(index)
    status, headers, body = await judge.get("/simple/foo-bar/", accept=JSON)
    assert (status, headers["content-type"]) == (200, JSON)
    page = json.loads(body)
    assert page["meta"]["api-version"] == "1.4"
    assert page["versions"] == ["1.0"]
    assert [file["yanked"] for file in page["files"]] == ['it "broke"', False]
    assert (await judge.get("/simple/", accept=JSON))[2].count(b'"name"') == 2
    assert (await judge.get("/simple/nothing/"))[0] == 404
    await judge.aclose()
    assert [r.path for r in index.requests] == ["/simple/foo-bar/", "/simple/", "/simple/nothing/"]
    assert {r.connection for r in index.requests} == {0}


async def test_names_and_slashes_redirect(index: Upstream) -> None:
    judge = await connected(index)
    assert (await judge.get("/simple/foo-bar"))[:2][1]["location"] == "/simple/foo-bar/"
    status, headers, _ = await judge.get("/simple/Foo_Bar/")
    assert (status, headers["location"]) == (301, "/simple/foo-bar/")
    await judge.aclose()


async def test_validators_give_304_and_can_be_switched_off(index: Upstream) -> None:
    judge = await connected(index)
    _, headers, _ = await judge.get("/simple/baz/", accept=JSON)
    status, again, body = await judge.get("/simple/baz/", accept=JSON, if_none_match=headers["etag"])
    assert (status, body, again["etag"], again["vary"]) == (304, b"", headers["etag"], "Accept, Accept-Encoding")
    assert (await judge.get("/simple/baz/", accept=JSON, if_none_match='"other"'))[0] == 200
    assert (await judge.get("/simple/baz/", if_modified_since=headers["last-modified"]))[0] == 304
    index.validators = False
    _, headers, _ = await judge.get("/simple/baz/", accept=JSON)
    assert "etag" not in headers
    await judge.aclose()


async def test_ranges(index: Upstream) -> None:
    judge = await connected(index)
    file = index.project("baz").files[0]
    size = len(file.data)
    status, headers, body = await judge.get(file.path, range="bytes=10-19")
    assert (status, headers["content-range"], body) == (206, f"bytes 10-19/{size}", file.data[10:20])
    assert (await judge.get(file.path, range="bytes=-7"))[2] == file.data[-7:]
    assert (await judge.get(file.path, range=f"bytes={size - 3}-"))[2] == file.data[-3:]
    status, headers, _ = await judge.get(file.path, range=f"bytes={size}-")
    assert (status, headers["content-range"]) == (416, f"bytes */{size}")
    assert (await judge.get(file.path, range="bytes=0-1", if_range='"old"'))[0] == 200
    assert (await judge.get(file.path, range="bytes=0-1", if_range=headers.get("etag", "")))[0] in (200, 206)
    status, headers, body = await judge.get(file.path, method="HEAD")
    assert (headers["content-length"], body) == (str(size), b"")
    index.ranges = False
    assert (await judge.get(file.path, range="bytes=0-1"))[0] == 200
    await judge.aclose()


async def test_gzip_only_for_who_accepts_it(index: Upstream) -> None:
    judge = await connected(index)
    _, plain, identity = await judge.get("/simple/baz/", accept=JSON)
    _, headers, body = await judge.get("/simple/baz/", accept=JSON, accept_encoding="gzip, zstd")
    assert headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain
    assert gzip.decompress(body) == identity
    assert headers["etag"] != plain["etag"]
    await judge.aclose()


async def test_minimal_html_says_no_more_than_the_real_front(index: Upstream) -> None:
    index.form = "minimal"
    judge = await connected(index)
    _, headers, body = await judge.get("/simple/foo-bar/", accept=JSON)
    assert sorted(headers) == ["content-length", "content-type"]
    assert b"core-metadata" not in body
    assert b"repository-version" not in body
    assert b'data-requires-python="&gt;=3.6"' in body
    assert b'data-yanked="it &quot;broke&quot;"' in body
    await judge.aclose()


@pytest.mark.parametrize("form", ["json", "html", "minimal"])
async def test_pypi_simple_reads_every_form(index: Upstream, form: str) -> None:
    index.form = form  # type: ignore[assignment]  # parametrize gives plain text
    index.files_apart = True
    index.project("baz").status = "archived"

    def read() -> list[pypi_simple.DistributionPackage]:
        with pypi_simple.PyPISimple(index.url) as client:
            assert client.get_project_page("baz").status == (None if form == "minimal" else "archived")
            return client.get_project_page("Foo.Bar").packages

    packages = await asyncio.to_thread(read)
    assert [package.version for package in packages] == ["1.0", "1.0"]
    assert [package.yanked_reason for package in packages] == ['it "broke"', None]
    assert all(package.url.startswith(index.file_origin) for package in packages)
    assert packages[0].has_metadata is (None if form == "minimal" else True)


async def test_metadata_is_the_wheels_own(index: Upstream) -> None:
    file = index.project("baz").files[0]
    judge = await connected(index)
    status, _, body = await judge.get(file.path + ".metadata")
    await judge.aclose()
    with zipfile.ZipFile(BytesIO(file.data)) as archive:
        assert (status, body) == (200, archive.read("baz-2.0.dist-info/METADATA"))


def test_distributions_are_the_same_every_time() -> None:
    assert make_wheel("a", "1", size_padding=10) == make_wheel("a", "1", size_padding=10)
    assert make_sdist("a", "1", size_padding=10) == make_sdist("a", "1", size_padding=10)


async def install(upstream: Upstream, target: Path, *arguments: str, env: dict[str, str]) -> tuple[int, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env=clean | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.slow
async def test_pip_installs_wheels_and_builds_sdists(index: Upstream, tmp_path: Path) -> None:
    index.add_sdist("only-source", "3.0", requires=["Foo.Bar==1.0"])
    index.files_apart = True
    code, output = await install(
        index, tmp_path, sys.executable, "-m", "pip", "install", "--no-cache-dir", "--index-url", index.url,
        "--target", str(tmp_path), "only-source", env={},
    )  # fmt: skip
    assert code == 0, output
    names = {path.name for path in tmp_path.glob("*.dist-info")}
    assert names == {"only_source-3.0.dist-info", "foo_bar-1.0.dist-info", "baz-2.0.dist-info"}


@pytest.mark.slow
async def test_uv_installs_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with Upstream(tls=context) as secure:
        top = secure.add_many(7)
        code, output = await install(
            secure, tmp_path, sys.executable, "-m", "uv", "pip", "install", "--no-cache", "--index-url", secure.url,
            "--target", str(tmp_path / "site"), top, env={"SSL_CERT_FILE": str(tmp_path / "ca.pem")},
        )  # fmt: skip
    assert code == 0, output
    assert len(list((tmp_path / "site").glob("*.dist-info"))) == 7


async def test_stopping_refuses_and_starting_again_keeps_the_address(index: Upstream) -> None:
    url = index.url
    await index.stop()
    with pytest.raises(ConnectionRefusedError):
        await connected(index)
    await index.start()
    assert index.url == url
    judge = await connected(index)
    assert (await judge.get("/simple/baz/"))[0] == 200
    await judge.aclose()


def test_it_runs_in_a_thread_of_its_own() -> None:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("foo")
        with pypi_simple.PyPISimple(upstream.url) as client:
            assert client.get_project_page("foo").packages
        upstream.down()
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", int(upstream.url.split(":")[2][:-8]))),
        ):
            pass
        upstream.up()
        with pypi_simple.PyPISimple(upstream.url) as client:
            assert client.get_project_page("foo").packages


# -- rudeness --------------------------------------------------------------------------------------------------------


async def test_a_behaviour_ends_after_its_times(index: Upstream) -> None:
    index.behave("/simple/baz/", rude.failing(503, retry_after=1), times=2)
    judge = await connected(index)
    answers = [await judge.get("/simple/baz/") for _ in range(3)]
    await judge.aclose()
    assert [status for status, _, _ in answers] == [503, 503, 200]
    assert answers[0][1]["retry-after"] == "1"


async def test_dripping_is_slow_but_right(index: Upstream) -> None:
    index.behave("/simple/baz/", rude.dripping())
    judge = await connected(index)
    assert (await judge.get("/simple/baz/"))[0] == 200
    await judge.aclose()


@pytest.mark.parametrize(
    "behaviour",
    [
        rude.truncated(after=100),
        rude.misdeclaring(10),
        rude.bad_chunking(),
        rude.chunked(ending=b""),
        rude.endless_headers(),
    ],
)
async def test_h11_calls_broken_answers_broken(index: Upstream, behaviour: rude.Behaviour) -> None:
    index.behave("*", behaviour)
    judge = await connected(index)
    with pytest.raises(h11.RemoteProtocolError):
        await judge.get(index.project("baz").files[0].path)
    await judge.aclose()


async def test_resets_are_resets(index: Upstream) -> None:
    index.behave("*", rude.resetting(after=50))
    judge = await connected(index)
    with pytest.raises(ConnectionResetError):
        await judge.get(index.project("baz").files[0].path)


@pytest.mark.parametrize("behaviour", [rude.silent(), rude.stalling(after=10)])
async def test_silence_lasts_until_the_client_goes(index: Upstream, behaviour: rude.Behaviour) -> None:
    index.behave("*", behaviour)
    judge = await connected(index)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await judge.get(index.project("baz").files[0].path)
    await judge.aclose()


async def test_a_gate_holds_the_rest_back(index: Upstream) -> None:
    gate = Gate(after=1000)
    file = index.project("baz").files[0]
    index.behave(file.path, gate)
    judge = await connected(index)
    asked = asyncio.create_task(judge.get(file.path))
    await gate.reached.wait()
    assert not asked.done()
    gate.open()
    assert (await asked)[2] == file.data
    await judge.aclose()


async def test_tampering_changes_the_digest_and_nothing_else(index: Upstream) -> None:
    index.behave("*", rude.tampered())
    file = index.project("baz").files[0]
    judge = await connected(index)
    _, _, body = await judge.get(file.path)
    await judge.aclose()
    assert len(body) == len(file.data)
    assert hashlib.sha256(body).hexdigest() != file.digest


async def test_redirects_go_in_circles(index: Upstream) -> None:
    index.behave("*", rude.circling(hops=2))
    judge = await connected(index)
    seen, path = [], "/simple/baz/"
    for _ in range(4):
        status, headers, _ = await judge.get(path)
        assert status == 302
        seen.append(path := headers["location"])
    await judge.aclose()
    assert seen[0] == seen[2]


@pytest.mark.slow
def test_nobody_there() -> None:
    with rude.refusing_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    with black_hole() as address, pytest.raises(TimeoutError):
        socket.create_connection(address, timeout=0.3)
    with rude.mute_port() as port, socket.create_connection(("127.0.0.1", port), timeout=5) as silent:
        silent.settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent.recv(1)


@pytest.mark.slow
def test_an_upstream_can_vanish_and_come_back() -> None:
    with Upstream().in_thread() as upstream:
        address = ("127.0.0.1", int(upstream.origin.rpartition(":")[2]))
        with vanished(upstream), pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.3)
        socket.create_connection(address, timeout=5).close()
