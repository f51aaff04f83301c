"""An upstream's bytes to a `Page`; called by `index` in a worker thread.

The content type decides the form, never the text: an upstream that says JSON and sends HTML is broken, not clever.
"""

from __future__ import annotations

from pipway.errors import BadUpstream
from pipway.simple.limits import BODY_LIMIT
from pipway.simple.page import NormalizedName, Page
from pipway.simple.read_html import read_html
from pipway.simple.read_json import read_json

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = ("application/vnd.pypi.simple.v1+html", "text/html")


def read_page(body: bytes, *, content_type: str, url: str, name: NormalizedName) -> Page:
    """Read a project's page.

    `body` is content-decoded, `content_type` the response's header, `url` the address after redirects, which
    relative file URLs start from. Files that cannot be named, fetched or verified safely are left out.
    Raises BadUpstream with a code: "unknown-type", "too-big", "not-json", "not-html", "not-a-page", "bad-page",
    "wrong-project", "unknown-version".
    """
    if len(body) > BODY_LIMIT:
        raise BadUpstream("too-big", f"the page of {name} is larger than {BODY_LIMIT >> 20} MiB")
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type == _JSON:
        return read_json(body, url=url, name=name)
    if media_type in _HTML:
        return read_html(body, charset=_charset(parameters), url=url, name=name)
    raise BadUpstream(
        "unknown-type",
        f"the page of {name} came as {media_type[:80]!r}",
        why="an index answers with HTML or with PEP 691 JSON",
        fix="check that the upstream's address is that of an index, usually ending in /simple/",
    )


def _charset(parameters: str) -> str:
    for parameter in parameters[:256].split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip("\"'").lower()
    return "utf-8"
