"""The site's borders: names it answers to, other sites' pages, logins, and what changes something."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web.site import MemoryIndex, ask, demo_page, fields, read

from pipway.access import Access
from pipway.errors import PipwayError
from pipway.tokens import Tokens
from pipway.web.app import Site
from pipway.web.guard import Guard
from pipway.web.metrics import Metrics
from pipway.wire.answer import Answer, Prepared, Request

PAGES = ["/", "/live", "/metrics", "/static/pipway.css", "/nothing", "/%68ealth", "//simple/", "/SIMPLE/demo/"]
INDEX = ["/simple/", "/simple/demo/", "/files/https/files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"]


def site(*, tokens: Tokens | None = None, names: tuple[str, ...] = ()) -> Site:
    guard = Guard(Access(tokens=tokens), names=names)
    index = MemoryIndex(demo_page())
    health = lambda: {"status": "ok", "logins": ["alice at proxy.example"]}  # noqa: E731
    return Site(index, index.find, metrics=Metrics(), health=health, guard=guard)


async def status(request: Request, **more: object) -> int:
    """The answer's status; 0 when it is left to the pages for people."""
    answer = await site(**more).answer(request)  # type: ignore[arg-type]
    if answer is None:
        return 0
    if not isinstance(answer, Prepared) and hasattr(answer, "source"):
        read(answer)
    return answer.status


def code(answer: Answer | None) -> str:
    assert isinstance(answer, Prepared)
    return str(json.loads(answer.body)["code"])


# Names.


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3141", "localhost.evil.example", "127.0.0.1.evil.example"]
)
async def test_pages_are_not_served_under_strange_names(path: str, host: str) -> None:
    """DNS rebinding: the browser believes that we are that name, and lets its scripts read us."""
    answer = await site().answer(ask(path, host=host))
    assert isinstance(answer, Prepared)
    assert answer.status == 421
    assert code(answer) == "unknown-host"
    assert "access.hosts" in json.loads(answer.body)["fix"]


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:3141", "LOCALHOST.:3141", "a.localhost", "127.0.0.1:3141", "[::1]:3141", "192.0.2.7"),
        *("pipway.corp.example", "PIPWAY.corp.example.:8080", ""),
    ],
)
async def test_our_names_and_every_address_are_ours(host: str) -> None:
    """An address is nobody else's name; who sends no Host is no browser."""
    assert await status(ask("/", host=host), names=("pipway.corp.example",)) == 0


async def test_without_host_it_is_no_browser() -> None:
    """HTTP/1.0."""
    assert await status(ask("/")) == 0


@pytest.mark.parametrize("path", INDEX)
async def test_installers_come_under_any_name(path: str) -> None:
    """A container's name for its host, a service's name, an alias: there is no list of them."""
    assert await status(ask(path, host="host.docker.internal:3141")) == 200


@pytest.mark.parametrize("path", INDEX)
async def test_browsers_get_the_index_under_our_names_only(path: str) -> None:
    """A rebound page asks its own origin: no Origin, no fetch metadata, but a language; internal names are in there."""
    browser = {"accept_language": "en", "user_agent": "Mozilla/5.0"}
    assert await status(ask(path, host="evil.example:3141", **browser)) == 421
    assert await status(ask(path, host="localhost:3141", **browser)) == 200
    assert await status(ask(path, host="localhost:3141", sec_fetch_site="cross-site", sec_fetch_dest="script")) == 403
    assert await status(ask(path, host="localhost:3141", origin="https://evil.example")) == 403
    assert await status(ask(path, host="localhost:3141", sec_fetch_site="none", **browser)) == 200


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_no_host_breaks_it(host: str) -> None:
    request = ask("/", host=host)
    try:
        Guard(Access()).page(request)
    except PipwayError as error:
        assert error.code in {"unknown-host", "foreign-origin"}


# Other sites' pages.


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, True),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, False),
        ({"origin": "http://localhost:3141"}, True),
        ({"origin": "http://localhost:8000"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example@localhost:3141"}, False),
        ({"origin": "https://pipway.corp.example"}, True),
    ],
)
async def test_only_our_own_pages_may_ask(headers: dict[str, str], let_in: bool) -> None:
    """A link from elsewhere may lead here; a script, a frame or an image of another site gets nothing."""
    got = await status(ask("/live", host="localhost:3141", **headers), names=("pipway.corp.example",))
    assert got == (0 if let_in else 403)


async def test_a_link_cannot_change_anything() -> None:
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert await status(ask("/api/cache", "DELETE", host="localhost", **headers)) == 403


# What changes something.


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PROPFIND", "TRACE"])
async def test_methods_that_a_form_can_send_are_not_possible(method: str) -> None:
    """POST needs no preflight (Fetch §2.2.1), and OPTIONS is one: it gets no permission."""
    tokens, token = Tokens({}).added("ci")
    headers = {"host": "localhost", "authorization": f"Bearer {token}"}
    assert await status(ask("/api/cache", method, **headers), tokens=tokens) == 405


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_changing_something_needs_a_token(method: str) -> None:
    """On loopback too: every program and page on this machine could do it otherwise."""
    tokens, token = Tokens({}).added("ci")
    assert await status(ask("/api/cache", method, host="localhost")) == 403
    assert code(await site().answer(ask("/api/cache", method, host="localhost"))) == "token-needed"
    assert await status(ask("/api/cache", method, host="localhost"), tokens=tokens) == 401
    assert await status(ask("/api/cache", method, host="localhost", authorization="Bearer x"), tokens=tokens) == 401
    assert (
        await status(ask("/api/cache", method, host="localhost", authorization=f"Bearer {token}"), tokens=tokens) == 0
    )
    assert (
        await status(ask("/api/cache", method, host="evil.example", authorization=f"Bearer {token}"), tokens=tokens)
        == 421
    )


# Logins.


@pytest.mark.parametrize("path", [*INDEX, *PAGES])
async def test_with_tokens_everything_wants_one(path: str) -> None:
    """401 with a challenge (RFC 9110 §15.5.2): pip and uv answer it from the index URL."""
    tokens, token = Tokens({}).added("ci")
    answer = await site(tokens=tokens).answer(ask(path, host="localhost"))
    assert isinstance(answer, Prepared)
    assert (answer.status, answer.lease) == (401, None)
    assert fields(answer)["www-authenticate"].startswith("Basic realm=")
    assert await status(ask(path, host="localhost", authorization=f"Bearer {token}"), tokens=tokens) in (0, 200)


async def test_health_says_only_that_to_strangers() -> None:
    """Probes have no token; names of accounts are not for them, nor for other sites."""
    tokens, token = Tokens({}).added("ci")
    for answer in (
        await site(tokens=tokens).answer(ask("/health", host="localhost")),
        await site().answer(ask("/health", host="evil.example")),
        await site().answer(ask("/health", host="localhost", origin="http://evil.example")),
    ):
        assert isinstance(answer, Prepared)
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert await status(ask("/health", host="localhost", authorization=f"Bearer {token}"), tokens=tokens) == 0
    assert await status(ask("/health", "DELETE", host="localhost")) == 403
