"""PEP 792: project status markers."""

from __future__ import annotations

import pytest
from tests.simple.pages import anchor, as_html, as_json, document, file_object, read_html, read_json

from pipway.errors import BadUpstream


def marked(status: str, reason: str | None = None) -> str:
    tag = f'<meta name="pypi:project-status" content="{status}">'
    more = "" if reason is None else f'<meta name="pypi:project-status-reason" content="{reason}">'
    return tag + more + anchor()


def test_json_keeps_status_and_reason() -> None:
    """PEP 792: "project-status" has "status" and optionally "reason", "an arbitrary string"."""
    marker = {"status": "archived", "reason": "use <other>", "since": "2024"}
    page = read_json(document(file_object(size=1), version="1.4", project_status=marker))
    assert (page.status, page.status_reason) == ("archived", "use <other>")
    assert as_json(page)["project-status"] == marker


def test_html_keeps_status_and_reason() -> None:
    """PEP 792: `pypi:project-status` and `pypi:project-status-reason` meta tags."""
    page = read_html(marked("deprecated", "use &lt;other&gt;"))
    assert (page.status, page.status_reason) == ("deprecated", "use <other>")
    assert '<meta name="pypi:project-status-reason" content="use &lt;other&gt;">' in as_html(page)
    assert as_json(page)["project-status"] == {"status": "deprecated", "reason": "use <other>"}


@pytest.mark.parametrize("status", ["active", "archived", "deprecated", "something-new"])
def test_other_states_offer_files(status: str) -> None:
    """PEP 792: in these states "the index MUST offer existing distributions of the project for download"."""
    page = read_html(marked(status))
    assert len(as_json(page)["files"]) == 1
    assert "<a " in as_html(page)


def test_quarantined_offers_nothing() -> None:
    """PEP 792, quarantined: "The index MUST NOT offer any distributions of the project for download"."""
    page = read_json(
        document(file_object(size=1), version="1.4", versions=["1.0"], project_status={"status": "quarantined"})
    )
    written = as_json(page)
    assert written["files"] == []
    assert written["versions"] == []
    assert written["project-status"] == {"status": "quarantined"}
    assert "<a " not in as_html(page)


def test_no_marker_stays_no_marker() -> None:
    """PEP 792: "If no status is explicitly noted, then the project is considered to be in the active state"."""
    page = read_json(document(file_object()))
    assert page.status is None
    assert "project-status" not in as_json(page)


def test_marker_of_the_wrong_type_is_refused() -> None:
    """PEP 792: `status` is a string. Ignoring a broken marker could offer a quarantined project."""
    markers: list[object] = [{"status": 7}, "quarantined", []]
    for marker in markers:
        with pytest.raises(BadUpstream):
            read_json(document(file_object(), project_status=marker))
