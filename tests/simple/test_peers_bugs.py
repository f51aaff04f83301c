"""The bugs that other indexes and proxies have had (index-protocol §10.1, §10.2), each with the line it guards."""

from __future__ import annotations

import msgspec
import pytest
from tests.simple.pages import (
    DIGEST,
    WHEEL,
    anchor,
    as_html,
    as_json,
    document,
    file_object,
    read_html,
    read_json,
    upstream_url,
)

from pipway.errors import UsageError
from pipway.simple.names import normalize
from pipway.simple.negotiate import Form, choose_form
from pipway.simple.write import write_html, write_json

JSON = "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
    ],
)
def test_installers_get_json(accept: str) -> None:
    """§10.1: pip's and uv's real Accept headers yield v1+json."""
    assert choose_form(accept) is Form.JSON


def test_accept_is_parsed_not_searched() -> None:
    """§10.1: Accept is parsed, not substring-matched."""
    assert choose_form(f"{JSON};q=0, text/html") is Form.HTML
    assert choose_form(f'text/html;x="{JSON}"') is Form.HTML
    assert choose_form(f"{JSON}x") is None


def test_format_with_a_decoded_plus() -> None:
    """§10.1: ?format=application/vnd.pypi.simple.v1 json (decoded +) works."""
    assert choose_form("text/html", "application/vnd.pypi.simple.v1 json") is Form.JSON


def test_every_form_has_a_content_type() -> None:
    """§10.1: every response carries Content-Type."""
    assert all(form.content_type for form in Form)


def test_both_forms_come_from_one_state() -> None:
    """§10.1: HTML and JSON come from one state and never drift."""
    page = read_json(document(file_object(size=1), file_object("frob-2.0.zip", size=2), version="1.4"))
    page = msgspec.structs.replace(page, files=page.files[1:])
    again = read_html(as_html(page))
    assert [file.filename for file in again.files] == ["frob-2.0.zip"]
    assert [file["filename"] for file in as_json(page)["files"]] == ["frob-2.0.zip"]


def test_normaliser_collapses_runs() -> None:
    """§10.2: name normaliser collapses runs."""
    assert normalize("a-_.-b__c") == "a-b-c"


def test_names_are_validated() -> None:
    """§10.2: names and file names validated before disk or upstream."""
    with pytest.raises(UsageError):
        normalize("../../etc/passwd")
    assert read_json(document(file_object("../x-1.zip"))).files == ()
    assert read_html('<a href="/%2e%2e%2fx-1.zip">..%2fx-1.zip</a>').files == ()


def test_proxied_text_is_escaped() -> None:
    """§10.2: data-yanked, data-requires-python and all proxied text escaped."""
    evil = '"><script>alert(1)</script>'
    page = read_json(document(file_object(yanked=evil, requires_python=evil, provenance=evil)))
    assert "<script" not in as_html(page)
    assert as_html(page).count("&lt;script&gt;") == 3


def test_yank_reason_survives_from_html() -> None:
    """§10.2: yank reason survives, also from an HTML upstream."""
    page = read_html(anchor('data-yanked="broken on &lt;3.8"'))
    assert as_json(page)["files"][0]["yanked"] == "broken on <3.8"
    assert 'data-yanked="broken on &lt;3.8"' in as_html(page)


def test_attributes_survive() -> None:
    """§10.2: requires-python, yanked and metadata survive."""
    told = {"requires-python": ">=3.8", "yanked": True, "core-metadata": {"sha256": DIGEST}}
    page = read_json(document(file_object() | told))
    assert as_json(page)["files"][0] == file_object() | told
    again = read_html(as_html(page)).files[0]
    assert (again.requires_python, again.yanked, again.core_metadata) == (">=3.8", True, {"sha256": DIGEST})


def test_provenance_and_status_survive() -> None:
    """§10.2: provenance and project status survive."""
    marker = {"status": "archived", "reason": "moved"}
    page = read_json(document(file_object(provenance="https://files.example/p"), project_status=marker))
    for written in (as_json(page), as_json(read_html(as_html(page)))):
        assert written["project-status"] == marker
        assert written["files"][0]["provenance"] == "https://files.example/p"


@pytest.mark.parametrize(
    ("sizes", "version"), [((1, 2), "1.4"), ((1, None), "1.0"), ((None, None), "1.0"), ((0, 0), "1.4")]
)
def test_declared_version_is_truthful(sizes: tuple[int | None, ...], version: str) -> None:
    """§10.2: declared API version is truthful: no `versions` under 1.0, no 1.1 while a size is missing."""
    files = [file_object(f"frob-{number}.zip", size=size) for number, size in enumerate(sizes)]
    written = as_json(read_json(document(*files, version="1.4", versions=["0", "1"])))
    assert written["meta"]["api-version"] == version
    assert ("versions" in written) is (version == "1.4")


def test_no_phantom_versions() -> None:
    """§10.2: versions recomputed after filtering (phantom versions)."""
    files = [file_object(f"frob-{number}.zip", size=1) for number in range(3)]
    page = read_json(document(*files, version="1.4", versions=["0", "1", "2"]))
    kept = msgspec.structs.replace(page, files=page.files[:2])
    assert as_json(kept)["versions"] == ["0", "1"]


@pytest.mark.parametrize("when", ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.6Z", "2024-01-02T03:04:05.678901Z"])
def test_upload_times_with_and_without_fraction(when: str) -> None:
    """§10.2: upload-times with and without fraction parse."""
    page = read_json(document(file_object(upload_time=when)))
    assert as_json(page)["files"][0]["upload-time"] == when


def test_size_and_upload_time_survive_html() -> None:
    """§10.2: upload-time and size present or backfilled: from HTML that says them, and in HTML that we write."""
    page = read_json(document(file_object(size=7, upload_time="2024-01-02T03:04:05Z"), version="1.1"))
    again = read_html(write_html(page, upstream_url).decode())
    assert (again.files[0].size, again.files[0].upload_time) == (7, "2024-01-02T03:04:05Z")
    assert b'"size":7' in write_json(again, upstream_url)


def test_page_url_needs_not_end_in_the_name() -> None:
    """§10.2: upstream URL that does not end in the project name is accepted if JSON name agrees."""
    page = read_json(document(file_object() | {"url": WHEEL}), url="https://cdn.example/pages/8f3a?token=1")
    assert page.files[0].url == f"https://cdn.example/pages/{WHEEL}"


def test_json_has_no_legacy_metadata_key() -> None:
    """§10.3: JSON carries no dist-info-metadata."""
    page = read_json(document(file_object(dist_info_metadata={"sha256": DIGEST})))
    assert "dist-info-metadata" not in as_json(page)["files"][0]
    assert as_json(page)["files"][0]["core-metadata"] == {"sha256": DIGEST}
