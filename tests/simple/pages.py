"""Pages as upstreams write them, and the short ways in and out that every test of this folder uses."""

from __future__ import annotations

import json
from typing import Any

from pipway.simple.page import File, NormalizedName, Page
from pipway.simple.read import read_page
from pipway.simple.write import write_html, write_json

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
URL = "https://index.example/simple/frob/"
NAME = NormalizedName("frob")
DIGEST = "0123456789abcdef" * 4
WHEEL = "frob-1.0-py3-none-any.whl"


def upstream_url(file: File) -> str:
    """The link that changes nothing."""
    return file.url


def file_object(filename: str = WHEEL, /, **more: Any) -> dict[str, Any]:
    """One file as JSON; underscores in `more` stand for dashes."""
    known = {
        "filename": filename,
        "url": f"https://files.example/{filename}",
        "hashes": {"sha256": DIGEST},
    }
    return known | {key.replace("_", "-"): value for key, value in more.items()}


def document(*files: dict[str, Any], version: str = "1.0", **more: Any) -> dict[str, Any]:
    """A project's page as JSON."""
    page = {"meta": {"api-version": version}, "name": NAME, "files": list(files)}
    return page | {key.replace("_", "-"): value for key, value in more.items()}


def read_json(page: Any, url: str = URL) -> Page:
    """Read a page that is JSON, given as data or as text."""
    body = page if isinstance(page, bytes) else json.dumps(page).encode()
    return read_page(body, content_type=JSON, url=url, name=NAME)


def read_html(text: str, url: str = URL) -> Page:
    """Read a page that is HTML."""
    return read_page(text.encode(), content_type=HTML, url=url, name=NAME)


def anchor(attributes: str = "", filename: str = WHEEL) -> str:
    """A page with one link."""
    return (
        f"<!DOCTYPE html><html><body>"
        f'<a href="https://files.example/{filename}#sha256={DIGEST}" {attributes}>{filename}</a></body></html>'
    )


def as_json(page: Page) -> dict[str, Any]:
    """Write as JSON and decode."""
    written: dict[str, Any] = json.loads(write_json(page, upstream_url))
    return written


def as_html(page: Page) -> str:
    """Write as HTML."""
    return write_html(page, upstream_url).decode()
