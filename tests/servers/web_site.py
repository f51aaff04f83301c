"""What programs other than installers fetch, on loopback: files with ranges, uploads, git over HTTP; clear or with TLS.

It stands behind the proxy in tests/e2e. Threads and `http.server`: no model of a good server, but none of our own code.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import unquote

PIECE = 262_144


@dataclass
class Asked:
    """One request as it came."""

    connection: int  #: its client's port
    method: str
    path: str
    headers: dict[str, str]  #: names in lower case


@dataclass
class Site:
    """A folder as a web site. Bare repositories below it (`NAME.git`) can be cloned and pushed to."""

    folder: Path
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def in_threads(self) -> Iterator[Site]:
        """Serve, each connection in a thread of its own."""
        server = _Server(("127.0.0.1", 0), _Handler)
        server.site = self
        self.port = server.server_port
        if self.tls is not None:  # the handshake is done in the connection's thread, by its first read
            server.socket = self.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, name="site", daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    site: Site
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave early are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def site(self) -> Site:
        return cast(_Server, self.server).site

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.site.asked.append(Asked(self.client_address[1], self.command, self.path, headers))
        return True

    def do_GET(self) -> None:
        path, _, query = unquote(self.path).partition("?")
        if ".git/" in path:
            self._git(path, query, b"")
            return
        file = self.site.folder / path.lstrip("/")
        if ".." in path or not file.is_file():
            self._say(404, b"no such file\n")
            return
        size, tag = file.stat().st_size, f'"{file.stat().st_size:x}"'
        start, end, status = 0, size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range", tag) == tag:
            start, end, status = int(asked[1]), min(size, int(asked[2] or size) + 1), 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        for name, value in (("Content-Length", str(end - start)), ("Accept-Ranges", "bytes"), ("ETag", tag)):
            self.send_header(name, value)
        self.send_header("Last-Modified", self.date_time_string(int(file.stat().st_mtime)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with file.open("rb") as source:
            source.seek(start)
            while start < end and (piece := source.read(min(PIECE, end - start))):
                self.wfile.write(piece)
                start += len(piece)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Answers an upload with the digest of what arrived."""
        body = self._body()
        self._say(200, f"{self.command} {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode())

    def do_POST(self) -> None:
        path, _, query = unquote(self.path).partition("?")
        if ".git/" in path:
            self._git(path, query, self._body())
        else:
            self.do_PUT()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            assert self.rfile.read(2) == b"\r\n"
        assert self.rfile.readline() == b"\r\n"
        return b"".join(pieces)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _git(self, path: str, query: str, body: bytes) -> None:
        """git's own server half, as RFC 3875 runs it; the answer is sent in chunks."""
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.site.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "someone",  # who may push
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(answer), PIECE):
            piece = answer[start : start + PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
