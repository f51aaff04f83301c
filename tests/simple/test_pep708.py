"""PEP 708: tracks and alternate locations. Nothing is decided by them; they only pass through."""

from __future__ import annotations

from tests.simple.pages import anchor, as_html, as_json, document, read_html, read_json


def test_html_to_json() -> None:
    """PEP 708: meta tags named pypi:tracks and pypi:alternate-locations, each as often as needed."""
    page = read_html(
        '<meta name="pypi:tracks" content="https://a.example/simple/frob/">'
        '<meta name="pypi:alternate-locations" content="https://b.example/">'
        '<meta name="pypi:alternate-locations" content="https://c.example/">' + anchor()
    )
    written = as_json(page)
    assert written["meta"]["tracks"] == ["https://a.example/simple/frob/"]
    assert written["alternate-locations"] == ["https://b.example/", "https://c.example/"]
    assert read_html(as_html(page)) == page


def test_json_to_html() -> None:
    """PEP 708: in JSON `meta.tracks` and `alternate-locations` are arrays of strings."""
    page = document(alternate_locations=['https://b.example/"><script>', 7])
    page["meta"]["tracks"] = ["https://a.example/"]
    written = as_html(read_json(page))
    assert '<meta name="pypi:tracks" content="https://a.example/">' in written
    assert '<meta name="pypi:alternate-locations" content="https://b.example/&quot;&gt;&lt;script&gt;">' in written
