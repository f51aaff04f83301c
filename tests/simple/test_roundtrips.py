"""What goes in comes out: pages through both forms, by properties."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simple.pages import NAME, as_html, as_json, read_html, read_json, upstream_url

from pipway.simple.names import is_distribution, valid_filename
from pipway.simple.page import File, Page
from pipway.simple.write import write_html, write_json

NULLABLE = ("requires-python", "core-metadata", "gpg-sig", "size", "upload-time", "provenance", "project-status")

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
leaves = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
filenames = st.builds(
    "{}-{}{}".format,
    st.sampled_from(["frob", "Frob", "fr+ob", "früb", "fr ob", "fr%41b", "fr&<>\"'b", "fr#?b"]),
    st.sampled_from(["1.0", "2!1.0rc1", "1.0+cu1"]),
    st.sampled_from([".tar.gz", ".zip", "-py3-none-any.whl"]),
)
unknown = st.dictionaries(st.text("abcxyz_-", min_size=1).map("x-{}".format), values, max_size=3)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={key.replace("_", "-"): value for key, value in keys.items()})


file_objects = st.builds(
    lambda must, known, other: other | known | must,
    st.fixed_dictionaries(
        {
            "filename": filenames,
            "url": digests.map("https://files.example/{}/x.zip".format),
            "hashes": optional(sha256=digests, md5=texts),
        }
    ),
    optional(
        requires_python=st.none() | texts,
        yanked=st.booleans() | texts.filter(bool),
        core_metadata=st.none() | st.booleans() | optional(sha256=digests),
        gpg_sig=st.none() | st.booleans(),
        size=st.none() | st.integers(0, 2**60),
        upload_time=st.none() | texts,
        provenance=st.none() | texts,
    ),
    unknown,
)
documents = st.builds(
    lambda files, meta, version, known, other: (
        other | known | {"name": NAME, "files": files, "meta": meta | {"api-version": version}}
    ),
    st.lists(file_objects, max_size=4),
    unknown,
    st.sampled_from(["1.0", "1.1", "1.4"]),
    optional(
        project_status=st.fixed_dictionaries(
            {"status": st.sampled_from(["active", "archived"])}, optional={"reason": texts}
        ),
        versions=st.lists(texts, max_size=3),
    ),
    unknown,
)


def canonical(document: dict[str, Any]) -> dict[str, Any]:
    """Without nulls that stand for "absent"; yanked always there; without what depends on the API version."""
    files = [
        {"yanked": False} | {key: value for key, value in file.items() if value is not None or key not in NULLABLE}
        for file in document["files"]
    ]
    rest = {key: value for key, value in document.items() if key not in ("files", "versions", "meta")}
    return rest | {"files": files, "meta": {k: v for k, v in document["meta"].items() if k != "api-version"}}


@pytest.mark.slow
@given(documents)
def test_json_is_lossless(document: dict[str, Any]) -> None:
    """DESIGN: "Pass PEP 691 JSON through losslessly: change only url"."""
    page = read_json(document)
    assert canonical(as_json(page)) == canonical(document)
    moved = json.loads(write_json(page, lambda file: f"../{file.sha256}"))
    assert {file.pop("url") for file in moved["files"]} <= {f"../{file.sha256}" for file in page.files}


@pytest.mark.slow
@given(documents)
def test_versions_are_kept_from_1_1_on(document: dict[str, Any]) -> None:
    written = as_json(read_json(document))
    sized = all(file.get("size") is not None for file in document["files"])
    assert written["meta"]["api-version"] == (document["meta"]["api-version"] if sized else "1.0")
    if written["meta"]["api-version"] == "1.0":
        assert "versions" not in written
    elif "versions" in document:
        assert written["versions"] == document["versions"]


@pytest.mark.slow
@given(documents)
def test_json_read_again_is_the_same_page(document: dict[str, Any]) -> None:
    page = read_json(document)
    again = read_json(as_json(page))
    assert again.files == page.files
    assert (again.meta, again.extra, again.status, again.status_reason) == (
        page.meta,
        page.extra,
        page.status,
        page.status_reason,
    )


files = st.builds(
    File,
    filename=filenames,
    url=digests.map("https://files.example/{}/x.zip".format),
    hashes=st.just({}) | digests.map(lambda digest: {"sha256": digest}),
    requires_python=st.none() | printable,
    yanked=st.booleans() | printable.filter(bool),
    core_metadata=st.none() | st.just(True) | digests.map(lambda digest: {"sha256": digest}),
    gpg_sig=st.none() | st.booleans(),
    size=st.none() | st.integers(0, 10**14),
    upload_time=st.none() | printable.filter(bool),
    provenance=st.none() | printable.filter(bool),
)
pages = st.builds(
    Page,
    name=st.just(NAME),
    files=st.lists(files, max_size=4).map(tuple),
    status=st.none() | st.sampled_from(["active", "archived"]),
    status_reason=st.none() | printable,
)


@pytest.mark.slow
@given(pages)
def test_html_is_lossless_for_what_it_can_say(page: Page) -> None:
    """HTML to page to HTML: every attribute survives, whatever characters an upstream put into it."""
    # The URL's last segment names a file in HTML, so let it.
    named = tuple(msgspec.structs.replace(file, url=_url(file)) for file in page.files)
    page = msgspec.structs.replace(page, files=named)
    again = read_html(as_html(page))
    assert again.files == page.files
    assert (again.status, again.status_reason) == (page.status, page.status_reason)
    assert as_html(msgspec.structs.replace(again, api_version=page.api_version)) == as_html(page)


def _url(file: File) -> str:
    return f"https://files.example/p/{quote(file.filename, safe='+!')}"


@pytest.mark.slow
@settings(max_examples=50)
@given(documents)
def test_both_forms_offer_the_same_files(document: dict[str, Any]) -> None:
    """One state, two forms: they never drift."""
    page = read_json(document)
    html = read_html(write_html(page, lambda file: _url(file)).decode())
    assert [file.filename for file in html.files] == [file["filename"] for file in as_json(page)["files"]]


@given(st.text(max_size=100))
def test_only_safe_names_get_through(filename: str) -> None:
    document = {"files": [{"filename": filename, "url": "https://files.example/x", "hashes": {}}]}
    body = msgspec.json.encode(document) if filename.isprintable() else json.dumps(document).encode()
    try:
        page = read_json(body)
    except Exception:
        return
    assert [file.filename for file in page.files] == ([filename] if valid_filename(filename) else [])
    assert is_distribution(filename) or not read_html(write_html(page, upstream_url).decode()).files
