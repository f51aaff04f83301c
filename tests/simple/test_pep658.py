"""PEP 658: metadata served beside the file, in its first spelling."""

from __future__ import annotations

import pytest
from tests.simple.pages import DIGEST, anchor, as_html, as_json, read_html


def test_hash_is_read_and_written() -> None:
    """PEP 658: "The repository SHOULD provide the hash of the Core Metadata file as the data-dist-info-metadata
    attribute's value using the syntax <hashname>=<hashvalue>"."""
    page = read_html(anchor(f'data-dist-info-metadata="sha256={DIGEST}"'))
    assert page.files[0].core_metadata == {"sha256": DIGEST}
    assert f'data-dist-info-metadata="sha256={DIGEST}"' in as_html(page)


def test_true_stands_for_no_hash() -> None:
    """PEP 658: "The repository MAY use true as the attribute's value if a hash is unavailable"."""
    page = read_html(anchor('data-dist-info-metadata="true"'))
    assert page.files[0].core_metadata is True
    assert 'data-dist-info-metadata="true"' in as_html(page)
    assert as_json(page)["files"][0]["core-metadata"] is True


@pytest.mark.parametrize("attribute", ["", 'data-dist-info-metadata="false"', 'data-dist-info-metadata="what"'])
def test_nothing_is_advertised_without_it(attribute: str) -> None:
    """PEP 658: "the repository MUST serve" what is advertised, so no promise is made up."""
    page = read_html(anchor(attribute))
    assert not page.files[0].core_metadata
    assert "metadata=" not in as_html(page)
