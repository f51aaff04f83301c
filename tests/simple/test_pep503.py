"""PEP 503: the Simple Repository API in HTML."""

from __future__ import annotations

import pytest
from tests.simple.pages import DIGEST, URL, WHEEL, anchor, as_html, document, file_object, read_html, read_json

from pipway.simple.names import normalize


@pytest.mark.parametrize(
    "name", ["friendly-bard", "Friendly-Bard", "FRIENDLY.BARD", "friendly__bard", "FrIeNdLy-._.-bArD"]
)
def test_names_are_normalised(name: str) -> None:
    """PEP 503: "lowercased with all runs of the characters ., -, or _ replaced with a single - character"."""
    assert normalize(name) == "friendly-bard"


def test_page_has_one_anchor_per_file() -> None:
    """PEP 503: a project's page is "a valid HTML5 page with a single anchor element per file for the project"."""
    page = read_json(document(file_object(), file_object("frob-2.0.tar.gz")))
    written = as_html(page)
    assert written.startswith("<!DOCTYPE html>\n")
    assert written.count("<a ") == 2


def test_anchor_text_is_the_file_name() -> None:
    """PEP 503: "the text of the anchor tag MUST match the final path component (the filename) of the URL"."""
    assert f">{WHEEL}</a>" in as_html(read_html(anchor()))


def test_hash_is_in_the_fragment() -> None:
    """PEP 503: the URL "SHOULD include a hash in the form of a URL fragment", #<hashname>=<hashvalue>."""
    file = read_html(anchor()).files[0]
    assert file.hashes == {"sha256": DIGEST}
    assert "#" not in file.url
    assert f'href="https://files.example/{WHEEL}#sha256={DIGEST}"' in as_html(read_html(anchor()))


def test_another_hash_is_kept() -> None:
    """PEP 503: "Repositories SHOULD choose a hash function from one of the ones guaranteed [...] by hashlib"."""
    page = read_html(f'<a href="{WHEEL}#md5=d41d8cd98f00b204e9800998ecf8427e">{WHEEL}</a>')
    assert page.files[0].hashes == {"md5": "d41d8cd98f00b204e9800998ecf8427e"}
    assert f"{WHEEL}#md5=d41d8cd98f00b204e9800998ecf8427e" in as_html(page)


def test_relative_urls_start_from_the_page() -> None:
    """PEP 503: "URLs may be either absolute or relative as long as they point to the correct location"."""
    page = read_html(f'<a href="../../packages/{WHEEL}">{WHEEL}</a>')
    assert page.files[0].url == f"https://index.example/packages/{WHEEL}"


def test_base_element_is_honoured() -> None:
    """HTML §4.2.3: a `base` element gives the document's base URL; the first one counts."""
    page = read_html(f'<base href="/a/"><base href="/b/"><a href="{WHEEL}">{WHEEL}</a>')
    assert page.files[0].url == f"https://index.example/a/{WHEEL}"


@pytest.mark.parametrize(("attribute", "meaning"), [("true", True), ("false", False)])
def test_gpg_sig(attribute: str, meaning: bool) -> None:
    """PEP 503: "MAY include a data-gpg-sig attribute on a file link with a value of either true or false"."""
    page = read_html(anchor(f'data-gpg-sig="{attribute}"'))
    assert page.files[0].gpg_sig is meaning
    assert f'data-gpg-sig="{attribute}"' in as_html(page)
    assert read_html(anchor()).files[0].gpg_sig is None


def test_requires_python_is_escaped() -> None:
    """PEP 503: "< and > have to be HTML encoded as &lt; and &gt;"."""
    page = read_html(anchor('data-requires-python="&gt;=3.7,&lt;4"'))
    assert page.files[0].requires_python == ">=3.7,<4"
    assert 'data-requires-python="&gt;=3.7,&lt;4"' in as_html(page)


def test_links_that_are_no_files_are_left_out() -> None:
    """PEP 503: "There may be any other HTML elements on the API pages"; old indexes link home pages beside files."""
    page = read_html(
        f'<a href="https://frob.example/" rel="homepage">home</a><a href="../">..</a><a href="{WHEEL}">x</a>'
    )
    assert [file.filename for file in page.files] == [WHEEL]
    assert page.files[0].url == URL + WHEEL
