"""PEP 691: the Simple API as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simple.pages import DIGEST, JSON, NAME, URL, WHEEL, as_json, document, file_object, read_html, read_json

from pipway.errors import BadUpstream
from pipway.simple.page import Page
from pipway.simple.read import read_page
from pipway.simple.write import write_json


def test_page_has_the_mandatory_keys() -> None:
    """PEP 691: the page is "a JSON encoded dictionary that has three keys": name, files and meta."""
    written = as_json(Page(name=NAME))
    assert written["name"] == NAME
    assert written["files"] == []
    assert written["meta"] == {"api-version": "1.0"}


def test_file_has_the_mandatory_keys() -> None:
    """PEP 691: "The hashes dictionary MUST be present, even if no hashes are available for the file"."""
    file = as_json(read_html(f'<a href="{WHEEL}">{WHEEL}</a>'))["files"][0]
    assert file["filename"] == WHEEL
    assert file["url"] == URL + WHEEL
    assert file["hashes"] == {}


def test_unknown_keys_survive_at_every_level() -> None:
    """PEP 691: "clients MUST ignore keys that they don't understand"; others may, so a mirror passes them on."""
    page = document(
        file_object(future={"a": [1, None, 1.5, "ü"]}) | {"_private": 1},
        alternate_locations=["https://b.example/"],
    )
    page["meta"] |= {"_last-serial": 42, "tracks": ["https://c.example/simple/frob/"]}
    page["new"] = {"deep": [{"er": True}]}
    written = as_json(read_json(page))
    assert written["files"][0]["future"] == {"a": [1, None, 1.5, "ü"]}
    assert written["files"][0]["_private"] == 1
    assert written["meta"] == page["meta"]
    assert written["new"] == page["new"]
    assert written["alternate-locations"] == ["https://b.example/"]


def test_only_the_url_changes() -> None:
    """PEP 691: a URL "may be either absolute or relative"; ours is the one thing a mirror changes."""
    page = document(
        file_object(requires_python=">=3.8", yanked="why", core_metadata={"sha256": DIGEST}, gpg_sig=True, size=3)
        | {"upload-time": "2024-01-01T00:00:00Z", "provenance": "https://files.example/p", "x": 1},
        version="1.3",
        versions=["1.0"],
    )
    assert as_json(read_json(page)) == page
    moved = write_json(read_json(page), lambda file: "../../f/" + file.filename)
    page["files"][0]["url"] = "../../f/" + WHEEL
    assert read_json(moved, "https://m.example/simple/frob/") == read_json(page, "https://m.example/simple/frob/")


def test_every_hash_is_kept() -> None:
    """PEP 691: "Multiple hashes can be included, and it is up to the client to decide what to do with" them."""
    hashes = {"sha256": DIGEST, "blake2b_256": "ff" * 32, "md5": "00" * 16}
    assert as_json(read_json(document(file_object(hashes=hashes))))["files"][0]["hashes"] == hashes


def test_nulls_stand_for_absent() -> None:
    """Indexes write null for what PEP 691 lets them leave out; both are read, and the shorter is written."""
    nulls: dict[str, Any] = dict.fromkeys(
        ("requires_python", "core_metadata", "gpg_sig", "size", "upload_time", "provenance", "yanked")
    )
    page = read_json(document(file_object(WHEEL, **nulls), versions=None))
    assert page == read_json(document(file_object()))
    assert set(as_json(page)["files"][0]) == {"filename", "url", "hashes", "yanked"}


@pytest.mark.parametrize("given", ["Frob", "FROB", "frob"])
def test_name_agrees_after_normalisation(given: str) -> None:
    """PEP 691: `name` is "The normalized name of the project"; a spelling of it is the same project."""
    assert read_json(document(name=given)).name == NAME


@pytest.mark.parametrize("given", ["frobnicate", "", "../x", "f" * 9999])
def test_page_of_another_project_is_refused(given: str) -> None:
    """PEP 691: `name` is "The normalized name of the project": the one that was asked for."""
    with pytest.raises(BadUpstream) as caught:
        read_json(document(file_object(), name=given))
    assert caught.value.code == "wrong-project"
    assert len(caught.value.what) < 300


def test_html_promised_as_json_is_refused() -> None:
    """PEP 691: the Content-Type says which form it is; guessing would let a log-in page pass for a project."""
    with pytest.raises(BadUpstream) as caught:
        read_json(b"<!DOCTYPE html><html></html>")
    assert caught.value.code == "not-json"


@pytest.mark.parametrize("body", [b'{"message": "not found"}', b"{}"])
def test_json_that_is_no_page_is_refused(body: bytes) -> None:
    """PEP 691: `files` is mandatory; an error message in JSON must not become an empty project."""
    with pytest.raises(BadUpstream) as caught:
        read_json(body)
    assert caught.value.code == "not-a-page"


@pytest.mark.parametrize(
    "file",
    [
        {"filename": WHEEL},
        {"url": URL, "filename": 3},
        file_object(size="12"),
        file_object(size=-1),
        file_object(yanked=[]),
        file_object(hashes={"sha256": 3}),
        file_object(core_metadata=7),
        file_object(requires_python=3.8) | {"unknown": 1},
        [],
        None,
    ],
)
def test_broken_file_is_refused(file: Any) -> None:
    """PEP 691: types are given; a page that breaks them is not trusted for the rest."""
    with pytest.raises(BadUpstream) as caught:
        read_json(document(file_object(), file))
    assert caught.value.code == "bad-page"
    assert caught.value.why


def test_legacy_content_types() -> None:
    """PEP 691: the content types are `application/vnd.pypi.simple.v1+json`, `...v1+html` and `text/html`."""
    for content_type in (JSON.upper(), f"{JSON}; charset=utf-8"):
        assert read_page(b'{"files":[]}', content_type=content_type, url=URL, name=NAME).files == ()
    for content_type in ("application/json", "text/plain", "", ";", "application/vnd.pypi.simple.v2+json"):
        with pytest.raises(BadUpstream) as caught:
            read_page(b'{"files":[]}', content_type=content_type, url=URL, name=NAME)
        assert caught.value.code == "unknown-type"
