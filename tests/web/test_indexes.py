"""`/indexes`: what programs are told of the indexes behind this server."""

from __future__ import annotations

import json
from functools import partial

import pytest
from tests.web.asgi import call
from tests.web.site import MemoryIndex, demo_page, demo_site

from pipway.errors import Unavailable
from pipway.index.base import Index
from pipway.web.indexes import Indexes, Named, told
from pipway.web.metrics import Metrics
from pipway.web.pages import pages


async def test_all_indexes_are_told_in_order_and_without_logins() -> None:
    reply = await call(demo_site(MemoryIndex(demo_page())).asgi, "/indexes")
    assert json.loads(reply.body) == {
        "version": 1,
        "indexes": [{"name": "corp", "url": "https://nexus.example/simple/"}],
        "origins": ["https://files.example", "https://nexus.example"],
    }
    assert b"pass-word" not in reply.body
    assert b"se-cret" not in reply.body


async def test_a_project_has_the_index_whose_address_its_page_has() -> None:
    async def of(index: Index, *addresses: str) -> object:
        async def address(text: str) -> str:
            return text

        named = [Named(f"n{number}", partial(address, text)) for number, text in enumerate(addresses)]
        app = pages(Metrics(), dict, indexes=Indexes(index, named, list))
        return json.loads((await call(app, "/indexes/Demo")).body)["index"]

    index = MemoryIndex(demo_page())
    assert await of(index, "https://other.example/", "https://u:p@nexus.example/simple") == "n1"
    assert await of(index, "https://nexus.example/", "https://nexus.example/simple/") == "n1"
    assert await of(index, "https://nexus.example/simp", "https://other.example/") is None
    assert await of(index, "https://redirects.example/") == "n0", "there is no other"


@pytest.mark.parametrize(
    ("content_type", "form"), [("application/vnd.pypi.simple.v1+json", "json"), ("text/html", "html"), ("", None)]
)
async def test_the_form_is_what_the_index_spoke(content_type: str, form: str | None) -> None:
    index = MemoryIndex(demo_page())
    index.content_type = content_type
    reply = await call(demo_site(index).asgi, "/indexes/demo")
    assert json.loads(reply.body) == {"version": 1, "project": "demo", "index": "corp", "form": form}


@pytest.mark.parametrize("name", ["gone", "%20", "-x-"])
async def test_what_no_index_has_is_404(name: str) -> None:
    reply = await call(demo_site(MemoryIndex(demo_page())).asgi, f"/indexes/{name}")
    assert reply.status == 404
    assert json.loads(reply.body)["code"] in ("not-found", "no-such-page")


async def test_an_outage_is_no_404() -> None:
    index = MemoryIndex(demo_page())
    index.failure = Unavailable("down", "the index does not answer")
    assert (await call(demo_site(index).asgi, "/indexes/demo")).status == 503


def test_addresses_are_told_without_what_is_secret() -> None:
    assert told("https://user:pw@Nexus.Example:8443/a/?token=x#y") == "https://nexus.example:8443/a/"
    assert told("http://[bad") == ""
