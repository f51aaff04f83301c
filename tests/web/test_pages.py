"""Pages for people and probes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from tests.web.asgi import call

from pipway import __version__
from pipway.web.metrics import Metrics
from pipway.web.pages import Health, pages

APP = pages(Metrics(), lambda: {"status": "ok"})


class Outline(HTMLParser):
    """Elements with their attributes, and the text of every code element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "code":
            self._inside = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.code[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_the_landing_page_has_something_to_copy_for_every_tool() -> None:
    reply = await call(APP, "/")
    text = reply.body.decode()
    outline = Outline(text)
    for tool in ("pip", "uv", "Poetry", "PDM", "Pipenv", "Docker"):
        assert f">{tool}</h2>" in text
    assert len(outline.all("section")) == 6
    assert len(outline.all("pre")) == 12
    buttons = outline.all("button")
    assert len(buttons) == 13  # and one for the address itself
    labels = {button["aria-label"] for button in buttons}
    assert len(labels) == 13, "a screen reader can tell them apart"
    assert all("http://127.0.0.1:3141/simple/" in code for code in outline.code)


async def test_the_page_is_accessible_in_structure() -> None:
    outline = Outline((await call(APP, "/")).body.decode())
    assert outline.all("html")[0]["lang"] == "en"
    assert len(outline.all("h1")) == 1
    identifiers = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for link in outline.all("a"):
        href = link["href"] or ""
        assert not href.startswith("#") or href[1:] in identifiers
    assert all("alt" in image for image in outline.all("img"))


async def test_nothing_comes_from_elsewhere_and_no_script_is_inline() -> None:
    reply = await call(APP, "/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    outline = Outline(reply.body.decode())
    for tag, attributes in outline.elements:
        target = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        if target is not None:
            assert target.startswith("static/"), "relative: a reverse proxy may put a prefix in front"
            assert (await call(APP, "/" + target)).status == 200
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert all(script.get("src") for script in outline.all("script"))


@pytest.mark.parametrize(
    ("host", "scheme", "shown"),
    [
        ("index.example", "http", "http://index.example/simple/"),
        ("index.example:8080", "https", "https://index.example:8080/simple/"),
        ("[::1]:3141", "http", "http://[::1]:3141/simple/"),
        ("", "http", "http://127.0.0.1:3141/simple/"),
        ('"><script>alert(1)</script>', "http", "http://127.0.0.1:3141/simple/"),
        ("a b", "http", "http://127.0.0.1:3141/simple/"),
        ("user:pw@index.example", "http", "http://127.0.0.1:3141/simple/"),
        ("x" * 300, "http", "http://127.0.0.1:3141/simple/"),
        ("index.example\n", "http", "http://127.0.0.1:3141/simple/"),
    ],
)
async def test_the_address_is_the_clients_unless_it_makes_no_sense(host: str, scheme: str, shown: str) -> None:
    text = (await call(APP, "/", host=host, scheme=scheme)).body.decode()
    assert Outline(text).code[0] == shown
    assert "alert" not in text


async def test_health_is_json_and_says_the_version() -> None:
    reply = await call(APP, "/health")
    assert reply.status == 200
    assert json.loads(reply.body) == {"status": "ok", "version": __version__}
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("failing", 503)])
async def test_a_probe_sees_whether_the_server_can_serve(status: str, code: int) -> None:
    health: Health = lambda: {"status": status, "upstreams": {"main": {"breaker": "open"}}}  # noqa: E731
    app = pages(Metrics(), health)
    reply = await call(app, "/health")
    assert reply.status == code
    assert json.loads(reply.body)["upstreams"] == {"main": {"breaker": "open"}}
    state = re.search(r'class="state (\w+)"', (await call(app, "/")).body.decode())
    assert state is not None
    assert state[1] == ("good" if status == "ok" else "bad")


async def test_metrics_are_prometheus_text() -> None:
    reply = await call(APP, "/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE pipway_upstream_requests_total counter" in reply.body


async def test_the_404_is_a_page_for_browsers_and_a_problem_for_the_rest() -> None:
    page = await call(APP, "/a/b/<script>", accept="text/html,*/*;q=0.8")
    assert page.status == 404
    assert page.headers["content-type"].startswith("text/html")
    assert b'href="../../static/pipway.css"' in page.body
    assert b"<script" not in page.body
    problem = await call(APP, "/nothing")
    assert problem.status == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert json.loads(problem.body)["status"] == 404


@pytest.mark.parametrize("path", ["/static/", "/static/nothing.css", "/static/../pages.py", "/static/..%2fpages.py"])
async def test_static_serves_its_own_files_only(path: str) -> None:
    assert (await call(APP, path)).status == 404


@pytest.mark.parametrize("path", ["/", "/health", "/metrics"])
async def test_other_methods_are_405(path: str) -> None:
    reply = await call(APP, path, method="POST")
    assert reply.status == 405
    assert "GET" in reply.headers["allow"]
