"""One request to an ASGI application, without a server."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import ASGIApp, Message


class Reply(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


async def call(
    app: ASGIApp,
    path: str,
    *,
    method: str = "GET",
    scheme: str = "http",
    host: str = "127.0.0.1:3141",
    accept: str = "",
    query: str = "",
) -> Reply:
    """Send a request without a body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode("latin-1"))] + ([(b"accept", accept.encode())] if accept else [])
    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "server": ("127.0.0.1", 3141),
            "client": ("127.0.0.1", 1),
        },
        receive,
        send,
    )
    fields = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], fields, b"".join(message.get("body", b"") for message in sent[1:]))
