"""PEP 740: provenance of files."""

from __future__ import annotations

from tests.simple.pages import anchor, as_html, as_json, document, file_object, read_html, read_json

PROVENANCE = "https://index.example/integrity/frob/1.0/provenance?a=1&b=2"


def test_json_keeps_provenance() -> None:
    """PEP 740: the key provenance is the URL of the file's provenance, or null."""
    assert as_json(read_json(document(file_object(provenance=PROVENANCE))))["files"][0]["provenance"] == PROVENANCE
    assert "provenance" not in as_json(read_json(document(file_object(provenance=None))))["files"][0]


def test_html_keeps_provenance() -> None:
    """PEP 740: the attribute data-provenance is the absolute URL of the provenance file."""
    page = read_html(anchor(f'data-provenance="{PROVENANCE.replace("&", "&amp;")}"'))
    assert page.files[0].provenance == PROVENANCE
    assert read_html(as_html(page)).files[0].provenance == PROVENANCE
    assert as_json(page)["files"][0]["provenance"] == PROVENANCE
