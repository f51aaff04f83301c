"""The table of routes: every documented one answers, and nothing else does."""

from __future__ import annotations

import json

import pytest
from tests.web.asgi import call
from tests.web.site import MemoryIndex, ask, demo_page, demo_site, fields, read

from pipway.errors import Refused
from pipway.web.app import ROUTES
from pipway.wire.answer import Prepared, Slice

_VALUES = {
    "{project}": "demo",
    "{scheme}": "https",
    "{authority}": "files.example",
    "{path}": "packages/aa/bb/demo-1.0-py3-none-any.whl",
    "{name}": "pipway.css",
}


@pytest.mark.parametrize("route", [route.path for route in ROUTES])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_documented_route_answers(route: str, method: str) -> None:
    site = demo_site(MemoryIndex(demo_page()))
    for name, value in _VALUES.items():
        route = route.replace(name, value)
    answer = await site.answer(ask(route, method))
    if answer is None:
        assert (await call(site.asgi, route, method=method)).status == 200
        return
    assert answer.status == 200
    assert "content-type" in fields(answer), "uv 1754: Nexus sent none"
    if isinstance(answer, Slice):
        read(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/simple/", "/simple/demo/", "/files/https/files.example/x.whl"])
async def test_other_methods_are_405_with_allow(method: str, path: str) -> None:
    """RFC 9110 §15.5.6."""
    index = MemoryIndex(demo_page())
    answer = await demo_site(index).answer(ask(path, method))
    assert isinstance(answer, Prepared)
    assert answer.status == 405
    assert fields(answer)["allow"] == "GET, HEAD"
    assert index.asked == []


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/simplex/", "/%73imple/", "//simple/", "/SIMPLE/demo/"])
async def test_everything_else_goes_to_asgi(path: str) -> None:
    assert await demo_site(MemoryIndex()).answer(ask(path)) is None


async def test_a_refusal_says_why_in_the_reason_phrase_and_in_the_body() -> None:
    index = MemoryIndex(demo_page())
    index.failure = Refused("cooldown", "demo 1.0 is too new", why="rule cooldown", fix="wait a day")
    answer = await demo_site(index).answer(ask("/files/https/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"))
    assert isinstance(answer, Prepared)
    assert answer.status == 403
    assert answer.head.startswith(b"HTTP/1.1 403 pipway: demo 1.0 is too new")
    assert fields(answer)["content-type"] == "application/problem+json"
    assert fields(answer)["cache-control"] == "no-store"
    assert json.loads(answer.body)["code"] == "cooldown"
