"""A correct HTTP proxy that counts logons: CONNECT and absolute-form, with Basic, Digest, NTLM or no login.

The judge of logins that no installed proxy can be: squid knows no SHA-256 Digest, and none counts as exactly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
import spnego
from spnego.exceptions import SpnegoError
from tests.servers.relay import relay, reset

from pipway.dial.parent import Parent

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass
class CountingProxy:
    """Start it with `async with`. `good` and `bad` are the logons it judged."""

    login: str = "none"  #: none, basic, digest, ntlm
    user: str = "alice"
    password: str = "right horse"
    algorithm: str = "SHA-256"
    realm: str = "pipway"
    domain: str = ""  #: what an NTLM login must name; a directory judges so, pyspnego takes none for any
    close_first: bool = False  #: close after each refusal that is not in the middle of a login
    version: str = "1.1"
    tls: ssl.SSLContext | None = None
    stale_after: int = 1000  #: requests a nonce is good for
    announces: bool = False  #: tell the next nonce with the last request that one is good for (RFC 7616 §3.5)
    good: int = 0
    bad: int = 0
    connections: int = 0
    refusals: int = 0
    seen: list[str] = field(default_factory=list)  #: request lines
    _nonces: dict[str, int] = field(default_factory=dict)
    _port: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self.tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self._open: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    @property
    def open(self) -> int:
        """How many connections are."""
        return len(self._open)

    def drop(self) -> None:
        """Break every connection."""
        for writer in list(self._open):
            reset(writer)

    def parent(self, **facts: Any) -> Parent:
        """It as a parent that a person named."""
        known: dict[str, Any] = {"user": self.user, "named": True}
        return Parent("https" if self.tls else "http", "127.0.0.1", self._port, **(known | facts))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._requests(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session: dict[str, Any] = {}
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines if text)}
            method, target, _ = line.split(" ")
            self.seen.append(line)
            if target.startswith("/"):  # asked as if it were an origin, as squid answers that
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            challenge = self._judge(method, target, fields.get("proxy-authorization", ""), session)
            if challenge is not None:
                self.refusals += 1
                in_login = bool(session.get("context"))
                close = (self.close_first and not in_login) or self.version == "1.0"
                await self._refuse(writer, challenge, close=close)
                if close:
                    return
            elif method == "CONNECT":
                host, _, port = target.rpartition(":")
                await self._tunnel(reader, writer, host.strip("[]"), int(port), self._announcement(fields))
                return
            else:
                await self._forward(writer, method, target, fields)

    async def _refuse(self, writer: asyncio.StreamWriter, challenges: list[str], *, close: bool) -> None:
        body = b"<html>" + b"x" * 1000
        offers = "".join(f"Proxy-Authenticate: {challenge}\r\n" for challenge in challenges)
        end = "Connection: close\r\n" if close else ""
        writer.write(
            f"HTTP/{self.version} 407 no\r\n{offers}{end}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        )
        await writer.drain()

    def _announcement(self, fields: dict[str, str]) -> str:
        """Squid's way to spare its clients the refusal of a stale nonce: a header line, or nothing."""
        count = re.search(r"nc=([0-9a-f]{8})", fields.get("proxy-authorization", ""))
        if not self.announces or count is None or int(count[1], 16) < self.stale_after:
            return ""
        return f'Proxy-Authentication-Info: nextnonce="{self._nonce()}"\r\n'

    async def _tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, fields: str
    ) -> None:
        try:
            other = await asyncio.open_connection(host, port)
        except (OSError, UnicodeError):
            writer.write(b"HTTP/1.1 503 no way\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        writer.write(f"HTTP/{self.version} 200 ok\r\n{fields}\r\n".encode())
        try:
            await relay((reader, writer), other)
        finally:
            other[1].close()

    async def _forward(self, writer: asyncio.StreamWriter, method: str, target: str, fields: dict[str, str]) -> None:
        parts = urlsplit(target)
        reader, upstream = await asyncio.open_connection(parts.hostname, parts.port or 80)
        kept = "".join(
            f"{name}: {value}\r\n" for name, value in fields.items() if not name.startswith(("proxy-", "connection"))
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        upstream.write(f"{method} {path} HTTP/1.0\r\n{kept}\r\n".encode("latin-1"))
        answer = await reader.read(-1)
        upstream.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        kept = "".join(
            f"{line}\r\n" for line in lines if not line.lower().startswith(("connection", "content-length", "transfer"))
        )
        writer.write(
            f"HTTP/1.1 {status.split(' ', 1)[1]}\r\n{kept}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        )
        await writer.drain()

    def _judge(self, method: str, target: str, value: str, session: dict[str, Any]) -> list[str] | None:
        """None to let pass, else the challenges."""
        scheme, _, rest = value.partition(" ")
        match self.login:
            case "none":
                return None
            case "basic":
                if scheme != "Basic":
                    return [f'Basic realm="{self.realm}", charset="UTF-8"']
                right = base64.b64decode(rest).decode() == f"{self.user}:{self.password}"
                return self._count(right, [f'Basic realm="{self.realm}"'])
            case "digest":
                return self._digest(method, target, rest if scheme == "Digest" else "")
            case _:
                return None if session.get("in") else self._ntlm(rest if scheme == "NTLM" else "", session)

    def _count(self, right: bool, challenges: list[str]) -> list[str] | None:
        self.good, self.bad = self.good + right, self.bad + (not right)
        return None if right else challenges

    def _digest(self, method: str, target: str, text: str) -> list[str] | None:
        given = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', text)}
        nonce = given.get("nonce", "")
        known = self._nonces.get(nonce)
        if not given:
            return self._fresh(stale=False)
        if known is None or known >= self.stale_after:
            return self._fresh(stale=True)
        assert given["uri"] == target
        assert int(given["nc"], 16) > known, "nc counts up per nonce"
        self._nonces[nonce] = int(given["nc"], 16)

        def h(text: str) -> str:
            return hashlib.new(_HASHES[self.algorithm], text.encode()).hexdigest()

        expected = h(
            f"{h(f'{self.user}:{self.realm}:{self.password}')}:{nonce}:{given['nc']}:{given['cnonce']}:auth:{h(f'{method}:{target}')}"
        )
        return self._count(given["response"] == expected, self._fresh(stale=False))

    def _fresh(self, *, stale: bool) -> list[str]:
        facts = f'qop="auth", algorithm={self.algorithm}, stale={str(stale).lower()}'
        return [f'Digest realm="{self.realm}", nonce="{self._nonce()}", {facts}']

    def _nonce(self) -> str:
        nonce = secrets.token_hex(8)
        self._nonces[nonce] = 0
        return nonce

    def _ntlm(self, token: str, session: dict[str, Any]) -> list[str] | None:
        if not token:
            session["context"] = None
            return ["NTLM"]
        context = session.get("context") or spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        session["context"] = context
        if self.domain and _domain(base64.b64decode(token)) not in (None, self.domain):
            session["context"] = None
            return self._count(False, ["NTLM"])
        try:
            answer = context.step(base64.b64decode(token))
        except SpnegoError:
            session["context"] = None
            return self._count(False, ["NTLM"])
        if answer is not None:
            return [f"NTLM {base64.b64encode(answer).decode()}"]
        session["in"] = True
        return self._count(True, [])


def _domain(message: bytes) -> str | None:
    """What an AUTHENTICATE_MESSAGE names (MS-NLMP §2.2.1.3); None for the other messages."""
    if message[8] != 3:
        return None
    length, offset = int.from_bytes(message[28:30], "little"), int.from_bytes(message[32:36], "little")
    return message[offset : offset + length].decode("utf-16-le")


def ntlm_users(folder: Path, patch: pytest.MonkeyPatch, domain: str, user: str, password: str) -> None:
    """Whom pyspnego's server knows."""
    file = folder / "ntlm-users"
    file.write_text(f"{domain}:{user}:{password}\n")
    patch.setenv("NTLM_USER_FILE", str(file))
