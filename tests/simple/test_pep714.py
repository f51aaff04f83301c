"""PEP 714: core-metadata, the second spelling of PEP 658."""

from __future__ import annotations

import pytest
from tests.simple.pages import DIGEST, anchor, as_html, as_json, document, file_object, read_html, read_json

OTHER = "f" * 64


def test_html_carries_both_names() -> None:
    """PEP 714: HTML "MAY also be emitted using the data-dist-info-metadata, and if it does so it MUST match"."""
    written = as_html(read_json(document(file_object(core_metadata={"sha256": DIGEST}))))
    assert f'data-core-metadata="sha256={DIGEST}"' in written
    assert f'data-dist-info-metadata="sha256={DIGEST}"' in written


def test_the_new_name_has_precedence_in_html() -> None:
    """PEP 714: clients "MUST read" it "from the key data-core-metadata if it is present"."""
    both = f'data-dist-info-metadata="sha256={OTHER}" data-core-metadata="sha256={DIGEST}"'
    assert read_html(anchor(both)).files[0].core_metadata == {"sha256": DIGEST}
    assert (
        read_html(anchor('data-dist-info-metadata="true" data-core-metadata="false"')).files[0].core_metadata is False
    )


@pytest.mark.parametrize("legacy", ["dist_info_metadata", "data_dist_info_metadata"])
def test_legacy_names_count_where_the_new_one_is_absent(legacy: str) -> None:
    """PEP 714: the legacy key may be used "if it is present but core-metadata is not"."""
    only = read_json(document(file_object(**{legacy: {"sha256": DIGEST}})))
    assert only.files[0].core_metadata == {"sha256": DIGEST}
    both = read_json(document(file_object(core_metadata=False, **{legacy: {"sha256": DIGEST}})))
    assert both.files[0].core_metadata is False


@pytest.mark.parametrize("legacy", ["dist_info_metadata", "data_dist_info_metadata"])
def test_json_never_carries_the_old_name(legacy: str) -> None:
    """PEP 714: in JSON it "MUST be emitted using the key core-metadata"; some clients misread the old key."""
    page = read_json(document(file_object(core_metadata=True, unknown=1, **{legacy: True})))
    assert set(as_json(page)["files"][0]) == {"filename", "url", "hashes", "yanked", "core-metadata", "unknown"}


@pytest.mark.parametrize("said", [True, False, {"sha256": DIGEST}, {"sha256": DIGEST, "md5": "0" * 32}])
def test_json_forms(said: object) -> None:
    """PEP 714: a boolean "or a dictionary mapping hash names to a hex encoded digest of the metadata's hash"."""
    assert as_json(read_json(document(file_object(core_metadata=said))))["files"][0]["core-metadata"] == said


def test_empty_dictionary_promises_nothing() -> None:
    """PEP 691: "If the key value is truthy, then the metadata file is present, and if it is falsey then it is not"."""
    page = read_json(document(file_object(core_metadata={})))
    assert as_json(page)["files"][0]["core-metadata"] == {}
    assert "data-core-metadata" not in as_html(page)
