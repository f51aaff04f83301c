"""curl as the judge of the HTTP proxy on the one port: absolute-form, CONNECT, uploads, upgrades, and refusals."""

from __future__ import annotations

import hashlib
import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.upstream import Upstream

pytestmark = pytest.mark.needs("curl")

BIG = bytes(range(256)) * 65536  # 16 MiB
SUM = hashlib.sha256(BIG).hexdigest()


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers an upload with what arrived; has a large file, a broken one, and something that is not HTTP."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/broken":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"not so much")
            self.close_connection = True
        elif self.path == "/upgrade":
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.end_headers()
            while data := self.rfile.read1(65536):
                self.wfile.write(data.upper())
            self.close_connection = True
        else:
            self._say(BIG if self.path == "/big" else repr(dict(self.headers)).encode())

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._counted()
        self._say(f"{self.command} {hashlib.sha256(body).hexdigest()} {self.headers.get('Expect')}".encode())

    do_POST = do_PUT

    def _counted(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _chunks(self) -> bytes:
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            assert self.rfile.read(2) == b"\r\n"
        assert self.rfile.readline() == b"\r\n"
        return b"".join(pieces)

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread for each connection."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that leave


@dataclass
class Town:
    """Two origins, one with TLS, and a pipway that may reach them."""

    clear: str
    secure: str
    pipway: Pipway
    ca: Path

    def curl(self, url: str, *options: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Through the proxy."""
        proxy = "http://{}:{}".format(*self.pipway.address)
        command = ["curl", "--disable", "-sS", "--max-time", "60", "-x", proxy, "--cacert", str(self.ca), *options, url]
        return subprocess.run(
            command, input=given, env=neutral_environment(), capture_output=True, timeout=90, check=False
        )

    def raw(self, request: str, *pieces: bytes) -> bytes:
        """Bytes to the proxy, and everything that comes back."""
        with socket.create_connection(self.pipway.address, timeout=30) as sock:
            sock.sendall(request.encode())
            said = b""
            for piece in pieces:
                while b"\r\n\r\n" not in said:
                    said += sock.recv(65536)
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                said += data
            return said


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("forward")
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    clear, secure = Threads(("127.0.0.1", 0), Origin), Threads(("127.0.0.1", 0), Origin)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    for server in (clear, secure):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    here = [f"127.0.0.1:{server.server_port}" for server in (clear, secure)]
    settings = {"forward.allow": ",".join([*here, "127.0.0.1:1"]), "extra_ca": str(ca)}
    with (
        Upstream().in_thread() as upstream,
        serving(folder / "data", f"main={upstream.url}", settings=settings) as pipway,
    ):
        upstream.add_wheel("leaf", "1.0")
        yield Town(f"http://{here[0]}", f"https://{here[1]}", pipway, ca)
    for server in (clear, secure):
        server.shutdown()
        server.server_close()


WAYS = {"absolute": (), "connect": ("-p",), "old": ("-0",), "old-connect": ("-p", "--proxy1.0")}


def options_of(way: str, town: Town) -> list[str]:
    """`--proxy1.0` takes the address itself."""
    proxy = "{}:{}".format(*town.pipway.address)
    return ["-p", "--proxy1.0", proxy] if way == "old-connect" else list(WAYS[way])


@pytest.mark.parametrize("way", WAYS)
def test_downloads(town: Town, way: str) -> None:
    done = town.curl(f"{town.clear}/big", *options_of(way, town))
    assert (done.returncode, done.stderr) == (0, b"")
    assert hashlib.sha256(done.stdout).hexdigest() == SUM


def test_tls_in_a_tunnel(town: Town) -> None:
    done = town.curl(f"{town.secure}/big")
    assert (done.returncode, hashlib.sha256(done.stdout).hexdigest()) == (0, SUM), done.stderr


def test_https_in_absolute_form(town: Town) -> None:
    """Some clients ask a proxy so; the TLS is ours then."""
    said = town.raw(f"GET {town.secure}/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"'Via': '1.1 pipway-" in said


@pytest.mark.parametrize("way", ["absolute", "connect", "old-connect"])
@pytest.mark.parametrize(
    ("options", "expect"),
    [
        (("-T", "-"), None),  # chunked
        (("-T", "-", "-H", "Expect: 100-continue"), "100-continue"),
        (("-X", "POST", "--data-binary", "@-"), None),
        (("-X", "POST", "--data-binary", "@-", "-H", "Expect: 100-continue"), "100-continue"),
    ],
    ids=["chunked", "chunked-expect", "length", "length-expect"],
)
def test_uploads(town: Town, way: str, options: tuple[str, ...], expect: str | None) -> None:
    """curl waits a second for 100 Continue if nobody says it: it is passed on at once."""
    more = ("-H", "Expect:") if expect is None else ()
    done = town.curl(f"{town.clear}/up", *options_of(way, town), *options, *more, given=BIG)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split() == ["PUT" if "-T" in options else "POST", SUM, str(expect)]


def test_head(town: Town) -> None:
    done = town.curl(f"{town.clear}/big", "-I")
    assert done.returncode == 0
    assert f"Content-Length: {len(BIG)}".encode() in done.stdout


def test_many_requests_on_one_connection(town: Town) -> None:
    done = town.curl(f"{town.clear}/[1-20]", "-w", "%{num_connects} ")
    assert done.returncode == 0
    assert done.stdout.decode().count("Via") == 20
    assert done.stdout.decode().rsplit("}", 1)[1].strip() == "0"


def test_a_broken_answer_is_seen_as_broken(town: Town) -> None:
    for way in ("absolute", "connect", "old"):
        done = town.curl(f"{town.clear}/broken", *options_of(way, town))
        assert done.returncode in (18, 56), way  # partial file, connection reset


def test_an_upgrade_becomes_a_tunnel(town: Town) -> None:
    request = f"GET {town.clear}/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shouting\r\n\r\n"
    head, _, rest = town.raw(request, b"hello ", b"world").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert rest == b"HELLO WORLD"


def test_the_index_is_on_the_same_port(town: Town) -> None:
    """The proxy's own address is answered by the index, whichever way it is asked."""
    done = town.curl(f"{town.pipway.url}simple/leaf/", "--noproxy", "")
    assert done.returncode == 0
    assert b"leaf-1.0" in done.stdout


@pytest.mark.parametrize("way", ["absolute", "connect"])
@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("http://169.254.169.254/", 403, b"metadata"),
        ("http://127.0.0.1:2/", 403, b"loopback"),
        ("http://127.0.0.1:1/", 503, b"cannot connect to 127.0.0.1:1"),
        ("http://nowhere.invalid/", 503, b"nowhere.invalid"),
    ],
)
def test_refusals_say_why(town: Town, way: str, target: str, status: int, reason: bytes) -> None:
    done = town.curl(target, "-v", *options_of(way, town))
    line = next(line for line in done.stderr.splitlines() if line.startswith(b"< HTTP/1.1"))
    assert line.startswith(b"< HTTP/1.1 %d pipway: " % status)
    assert reason in line


@pytest.mark.parametrize("way", ["absolute", "connect"])
def test_a_proxy_that_is_its_own_parent_says_so(tmp_path: Path, way: str) -> None:
    """RFC 9110 §7.6.3: one turn, and not as many as there are connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{sock.getsockname()[1]}"
    settings = {"parent": f"http://{here}"}
    upstream = "main=http://index.example/simple/"
    with serving(tmp_path / "data", upstream, options=["--listen", here], settings=settings) as pipway:
        done = Town("", "", pipway, tmp_path).curl("http://files.example/", "-v", *WAYS[way])
        line = next(line for line in done.stderr.splitlines() if line.startswith(b"< HTTP/1.1"))
        asked = [line for line in pipway.log.read_text().splitlines() if "files.example" in line]
    assert b"came back to where it was" in line
    assert len(asked) < 10


@pytest.mark.xdist_group("lab")
@pytest.mark.needs("squid", "tinyproxy")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["basic_squid", "digest_squid", "ntlm_squid", "tinyproxy"])
@pytest.mark.parametrize("way", ["absolute", "connect"])
def test_uploads_through_a_parent_that_wants_a_login(
    town: Town, tmp_path: Path, request: pytest.FixtureRequest, kind: str, way: str
) -> None:
    """The body goes up once, behind a login that was given before."""
    parent = request.getfixturevalue(kind)
    here = town.clear.removeprefix("http://")
    settings = {
        "parent": parent.url,
        "parent.password": parent.password,
        "parent.basic_in_clear": "true",
        "no_proxy": "none",
        "forward.allow": here,
    }
    with serving(tmp_path / "data", "main=http://index.example/simple/", settings=settings) as pipway:
        behind = Town(town.clear, "", pipway, town.ca)
        # HTTP/1.0 parents and old squids want a length, so curl is given a file.
        body = tmp_path / "body"
        body.write_bytes(BIG)
        for _ in range(2):
            done = behind.curl(f"{town.clear}/up", *WAYS[way], "-T", str(body))
            assert (done.returncode, done.stderr) == (0, b"")
            assert done.stdout.decode().split()[:2] == ["PUT", SUM], done.stdout
            done = behind.curl(f"{town.clear}/small", *WAYS[way])
            assert b"Host" in done.stdout
        if way == "absolute":
            done = behind.curl(f"{town.clear}/up", "-T", "-", given=BIG)
            assert done.stdout.decode().split()[:2] == ["PUT", SUM] or kind == "tinyproxy", done
    assert "login.rejected" not in pipway.log.read_text()
