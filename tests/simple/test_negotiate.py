"""Which form and encoding a client gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.simple.negotiate import Form, choose_encoding, choose_form

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
LATEST = "application/vnd.pypi.simple.latest"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01", Form.JSON),  # pip
        (f"{JSON}, {HTML_V1};q=0.2, text/html;q=0.01", Form.JSON),  # uv
        (f"{JSON};q=0.1, text/html", Form.HTML),
        (f"{JSON};q=0, {HTML_V1};q=0.001", Form.HTML_V1),
        (f"{JSON};Q=0.5;x=y, text/html ; q=0.6", Form.HTML),
        (f"{JSON};x=y;q=0.5, text/html;q=0.4", Form.JSON),
        (f"text/html, {JSON}", Form.JSON),
        (f"text/html, {HTML_V1}", Form.HTML_V1),
        (JSON.upper(), Form.JSON),
        (f"{LATEST}+json", Form.JSON),
        (f"{LATEST}+html", Form.HTML_V1),
        (None, Form.HTML),
        ("", Form.HTML),
        ("*/*", Form.HTML),
        ("text/*", Form.HTML),
        ("application/*", Form.JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.HTML),  # a browser
        (f"*/*, {JSON};q=0.9", Form.HTML),
        (f"{JSON}, */*", Form.JSON),
        ("text/html;q=0, */*", Form.JSON),
        ("*/*;q=0.1, text/*;q=0", Form.JSON),
        (f"{JSON};q=1.000", Form.JSON),
        (f"{JSON};q=0", None),
        (f"{JSON};q=0.000", None),
        (f"{JSON};q=nan", None),
        (f"{JSON};q=2", None),
        (f"{JSON};q=", None),
        ("text/plain", None),
        ("application/json", None),
        ("application/vnd.pypi.simple.v2+json", None),
        (f"x{JSON}", None),
        (f"{JSON}x", None),
        ("*/*;q=0", None),
        (",;,", None),
        ("x/y," * 5000 + JSON, None),
    ],
)
def test_form(accept: str | None, form: Form | None) -> None:
    """RFC 9110 §12.5.1; PEP 691: the default for `*/*` and for no Accept is ours to choose."""
    assert choose_form(accept, None) is form


@pytest.mark.parametrize(
    ("wanted", "form"),
    [
        (JSON, Form.JSON),
        (JSON.replace("+", " "), Form.JSON),
        (HTML_V1, Form.HTML_V1),
        (f"{LATEST} json", Form.JSON),
        ("text/html", Form.HTML),
        ("*/*", None),
        (f"{JSON};q=1", None),
        ("json", None),
        ("", None),
        ("x" * 100000, None),
    ],
)
def test_format_takes_precedence(wanted: str, form: Form | None) -> None:
    """PEP 691: `format` "SHOULD take precedence over any values in the client's Accept header"; no wild cards."""
    assert choose_form(HTML_V1, wanted) is form


def test_content_types_are_concrete() -> None:
    """PEP 691: for latest "the server MUST respond with the content type for the actual version"."""
    assert [form.content_type for form in Form] == [JSON, HTML_V1, "text/html; charset=utf-8"]


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip, deflate", "gzip"),  # pip
        ("gzip, deflate, br, zstd", "zstd"),  # uv, browsers
        ("zstd;q=0.5, gzip", "gzip"),
        ("GZIP;Q=1", "gzip"),
        ("x-gzip", "gzip"),
        ("identity", "identity"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("br", "identity"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0, *;q=0.1", "zstd"),
        ("identity;q=0", "identity"),
        ("*;q=0", "identity"),
        ("gzip;q=0.0001", "identity"),
        ("xzstd, gzipx", "identity"),
    ],
)
def test_encoding(accept_encoding: str | None, encoding: str) -> None:
    """RFC 9110 §12.5.3."""
    assert choose_encoding(accept_encoding) == encoding


@given(st.text(alphabet="aplicton/*vd.ysmejhtx+1;q=0.,  \t", max_size=300))
def test_any_header_gets_an_answer(header: str) -> None:
    choose_form(header)
    assert choose_encoding(header) in ("zstd", "gzip", "identity")


@given(st.dictionaries(st.sampled_from(list(Form)), st.integers(0, 1000), min_size=1))
def test_highest_quality_wins(wishes: dict[Form, int]) -> None:
    header = ", ".join(f"{form.value};q={quality / 1000:.3f}" for form, quality in wishes.items())
    chosen = choose_form(header)
    best = max(wishes.values())
    assert (chosen is None) == (best == 0)
    if chosen is not None:
        assert wishes[chosen] == best
