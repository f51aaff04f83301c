"""PEP 592: yanked releases."""

from __future__ import annotations

import pytest
from tests.simple.pages import anchor, as_html, as_json, document, file_object, read_html, read_json


def test_presence_yanks() -> None:
    """PEP 592: "The presence of a data-yanked attribute SHOULD be interpreted as indicating that the file pointed to
    by this particular link has been "Yanked""."""
    for attribute in ("data-yanked", 'data-yanked=""'):
        page = read_html(anchor(attribute))
        assert page.files[0].yanked is True
        assert 'data-yanked=""' in as_html(page)
        assert as_json(page)["files"][0]["yanked"] is True


def test_reason_survives_both_ways() -> None:
    """PEP 592: "the value of the data-yanked attribute, if present, is an arbitrary string that represents the
    reason for why the file has been yanked"."""
    page = read_html(anchor('data-yanked="it &lt;b&gt;breaks&lt;/b&gt; &quot;x&quot;"'))
    assert page.files[0].yanked == 'it <b>breaks</b> "x"'
    assert as_json(page)["files"][0]["yanked"] == 'it <b>breaks</b> "x"'
    assert 'data-yanked="it &lt;b&gt;breaks&lt;/b&gt; &quot;x&quot;"' in as_html(page)
    assert read_html(as_html(page)).files == page.files


@pytest.mark.parametrize("said", [False, None, ""])
def test_not_yanked_in_json(said: object) -> None:
    """PEP 691 on `yanked`: "If the yanked key is present and is a truthy value" it is yanked; else it is not."""
    page = read_json(document(file_object(yanked=said)))
    assert page.files[0].yanked is False
    assert "data-yanked" not in as_html(page)


def test_absent_is_not_yanked() -> None:
    """PEP 592: a link without the attribute is not yanked."""
    assert read_html(anchor()).files[0].yanked is False
