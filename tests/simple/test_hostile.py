"""Hostile pages: one clear error or a sane page, soon, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simple.pages import (
    HTML,
    JSON,
    NAME,
    URL,
    WHEEL,
    as_html,
    as_json,
    document,
    file_object,
    read_html,
    read_json,
)

from pipway.errors import BadUpstream
from pipway.simple.limits import BODY_LIMIT, FILES_LIMIT
from pipway.simple.page import Page
from pipway.simple.read import read_page
from pipway.simple.write import write_html, write_json


def survives(body: bytes, content_type: str) -> Page | None:
    """Read and write both ways; None for BadUpstream with all its parts. Everything else is the test's failure."""
    try:
        page = read_page(body, content_type=content_type, url=URL, name=NAME)
    except BadUpstream as error:
        assert error.code
        assert error.what
        assert len(str(error)) < 1000
        return None
    write_json(page, lambda file: file.url)
    write_html(page, lambda file: file.url)
    return page


@given(st.binary(max_size=400), st.sampled_from([JSON, HTML]))
def test_random_bytes(body: bytes, content_type: str) -> None:
    survives(body, content_type)


KEYS = ["files", "meta", "name", "filename", "url", "hashes", "yanked", "api-version", "versions", "x"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@pytest.mark.slow
@given(json_values)
def test_random_json(value: Any) -> None:
    survives(json.dumps(value).encode(), JSON)
    survives(json.dumps({"files": [value]}).encode(), JSON)
    survives(json.dumps({"files": [], "meta": value, "y": value}).encode(), JSON)
    survives(json.dumps({"files": [file_object(extra=value)]}).encode(), JSON)


@given(st.text(max_size=200))
def test_random_text_in_html(text: str) -> None:
    survives(f"<html>{text}<a href='{WHEEL}' {text}>{text}</a>".encode(errors="replace"), HTML)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"files":' + b"[" * 1_000_000,
        b'{"files":[],"x":' + b'{"y":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"files":[' + b'{"x":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
        b'{"files":[],"x":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"files":[],"meta":{"x":' + b"[" * 200 + b"]" * 200 + b"}}",
        json.dumps(document(file_object(x=json.loads("[" * 200 + "]" * 200)))).encode(),
    ],
)
def test_deep_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadUpstream):
        read_page(body, content_type=JSON, url=URL, name=NAME)


@pytest.mark.parametrize(
    "tag", ["<div>", "<a>", "<b id=1>", "<font size=1><p>", "<table><a>", "<svg><a>", "<!--", "<title>"]
)
def test_deep_html_is_a_sane_page(tag: str) -> None:
    page = read_html(f'<a href="{WHEEL}">{WHEEL}</a>' + tag * 20_000)
    assert [file.filename for file in page.files] == [WHEEL]


@pytest.mark.parametrize(
    "broken",
    [
        document(file_object(requires_python="x" * 100_000)),
        document(file_object("x" * 100_000)),
        document(file_object(), x="x" * 300_000),
        document(file_object(), meta={"api-version": "1.0", "x": "x" * 300_000}),
        {"files": [{}] * (FILES_LIMIT + 1)},
    ],
)
def test_too_much_is_refused(broken: Any) -> None:
    with pytest.raises(BadUpstream) as caught:
        read_json(broken)
    assert caught.value.code == "too-big"


@pytest.mark.slow
def test_too_many_links_are_refused() -> None:
    with pytest.raises(BadUpstream) as caught:
        read_html("<a href=a.zip>" * (FILES_LIMIT + 1))
    assert caught.value.code == "too-big"


@pytest.mark.parametrize("content_type", [JSON, HTML])
def test_body_is_bounded(content_type: str) -> None:
    with pytest.raises(BadUpstream) as caught:
        read_page(bytes(BODY_LIMIT + 1), content_type=content_type, url=URL, name=NAME)
    assert caught.value.code == "too-big"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "123456789012345678901234567890", "1" * 5000, "0.1e-9999"])
@pytest.mark.parametrize("key", ["size", "x"])
def test_strange_numbers(number: str, key: str) -> None:
    body = json.dumps(document(file_object())).replace('"url"', f'"{key}": {number}, "url"')
    survives(body.encode(), JSON)


@pytest.mark.parametrize(
    "filename",
    ["../../etc/passwd", "/etc/passwd-1.zip", "..", "a\\b.zip", "a\x00b.zip", ".htaccess", "a\u202eb.zip", "a\nb.zip"],
)
def test_unsafe_names_never_appear(filename: str) -> None:
    """The rest of the page is kept."""
    page = read_json(document(file_object(filename), file_object()))
    assert [file.filename for file in page.files] == [WHEEL]
    html = read_html(f'<a href="{filename}">{filename}</a><a href="{WHEEL}">{WHEEL}</a>'.replace("\x00", "&#0;"))
    assert filename not in [file.filename for file in html.files]
    assert WHEEL in [file.filename for file in html.files]


def test_encoded_separators_in_an_html_url() -> None:
    page = read_html('<a href="x/..%2f..%2fetc%2fpasswd-1.zip">x</a><a href="x/%2e%2e.zip">x</a>')
    assert page.files == ()


@pytest.mark.parametrize("digest", ["../../x", "", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + "\n"])
def test_digest_that_is_none_drops_the_file(digest: str) -> None:
    """Blobs are named by their SHA-256: what is no digest must never become a name."""
    page = read_json(document(file_object(hashes={"sha256": digest}), file_object("frob-2.0.zip")))
    assert [file.filename for file in page.files] == ["frob-2.0.zip"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "data:,x", "ftp://files.example/x.zip"])
def test_other_schemes_are_dropped(url: str) -> None:
    page = read_json(document(file_object() | {"url": url}, file_object("frob-2.0.zip")))
    assert [file.filename for file in page.files] == ["frob-2.0.zip"]
    assert read_html(f'<a href="{url}">{WHEEL}</a>').files == ()


MARKUP = '"\'><script>alert(1)</script><a href="https://evil.example/frob-9.zip">frob-9.zip</a><!--&lt;'


def test_text_never_becomes_markup() -> None:
    """Every text that an upstream or a publisher controls, in every place where HTML carries it."""
    file = file_object(
        "frob-1.0\"'><img src=x>&lt;.zip",
        requires_python=MARKUP,
        yanked=MARKUP,
        core_metadata={"sha256": MARKUP},
        upload_time=MARKUP,
        provenance=MARKUP,
        hashes={"md5": MARKUP},
    )
    page = read_json(document(file, project_status={"status": MARKUP, "reason": MARKUP}, alternate_locations=[MARKUP]))
    written = as_html(page)
    assert "<script" not in written
    assert "<img" not in written
    assert "<!--" not in written
    assert written.count("<a ") == 1
    again = read_html(written)
    assert again.files[0].yanked == MARKUP
    assert again.files[0].requires_python == MARKUP
    assert again.status_reason == MARKUP


def test_link_is_escaped() -> None:
    page = read_json(document(file_object()))
    assert b'href="&quot;&gt;&amp;#' in write_html(page, lambda _: '">&')


def test_control_characters_do_not_reach_html() -> None:
    page = read_json(document(file_object(yanked="a\x00b\x1bc\rd\x85e\nf\tg")))
    assert 'data-yanked="a b c d e\nf\tg"' in as_html(page)
    assert as_json(page)["files"][0]["yanked"] == "a\x00b\x1bc\rd\x85e\nf\tg"


@pytest.mark.parametrize("body", ["<form><a href=x>x</a></form>", "<script>x</script>", "<html><input></html>"])
def test_login_page_is_no_empty_project(body: str) -> None:
    """An outage never looks like "no such package": a proxy's log-in page has status 200 and no file."""
    with pytest.raises(BadUpstream) as caught:
        read_html(body)
    assert caught.value.code == "not-a-page"


@pytest.mark.parametrize("body", ["", "   ", '{"files":[]}', "Not found", "\x00\x01"])
def test_text_that_is_no_html_is_refused(body: str) -> None:
    with pytest.raises(BadUpstream) as caught:
        read_html(body)
    assert caught.value.code == "not-html"


def test_empty_page_is_an_empty_project() -> None:
    """PEP 503 demands no anchor: a project without files is one."""
    assert read_html("<!DOCTYPE html><html><body><h1>Links for frob</h1></body></html>").files == ()
