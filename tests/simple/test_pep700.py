"""PEP 700: versions, size and upload-time."""

from __future__ import annotations

import msgspec
import pytest
from tests.simple.pages import WHEEL, as_html, as_json, document, file_object, read_html, read_json


def test_versions_pass_through_while_all_files_are_there() -> None:
    """PEP 700: versions the list "MAY contain versions with no associated files", so it is kept."""
    page = document(file_object(size=1), version="1.1", versions=["0.9", "1.0"])
    assert as_json(read_json(page))["versions"] == ["0.9", "1.0"]


def test_versions_are_recomputed_when_files_are_gone() -> None:
    """PEP 700: versions are those "uploaded for this project"; one whose files policy removed is a phantom."""
    page = read_json(
        document(file_object(size=1), file_object("frob-2.0.tar.gz", size=1), version="1.1", versions=["1.0", "2.0"])
    )
    assert as_json(msgspec.structs.replace(page, files=page.files[:1]))["versions"] == ["1.0"]
    assert as_json(msgspec.structs.replace(page, files=()))["versions"] == []


def test_versions_are_computed_when_the_upstream_gave_none() -> None:
    """PEP 700: versions "MUST be present at the top level"; it "may not contain duplicates"."""
    names = ["frob-1.10.tar.gz", "frob-1.9.tar.gz", "frob-1.10-py3-none-any.whl", "frob-1.9.0.zip", "other-3.tar.gz"]
    page = read_json(document(*(file_object(name, size=1) for name in names), version="1.1"))
    assert as_json(page)["versions"] == ["1.9", "1.10"]


def test_version_is_1_0_while_a_size_is_missing() -> None:
    """PEP 700: from 1.1 on "The versions and size keys are mandatory"."""
    page = read_json(
        document(file_object(size=1), file_object("frob-2.0.tar.gz"), version="1.4", versions=["1.0", "2.0"])
    )
    written = as_json(page)
    assert written["meta"]["api-version"] == "1.0"
    assert "versions" not in written
    assert written["files"][0]["size"] == 1
    assert 'repository-version" content="1.0"' in as_html(page)


@pytest.mark.parametrize(("declared", "written"), [("1.0", "1.0"), ("1.1", "1.1"), ("1.4", "1.4"), ("1.7", "1.4")])
def test_version_is_what_the_upstream_declared(declared: str, written: str) -> None:
    """PEP 700 and PEP 629: what is declared is promised; never more than the upstream did or than is understood."""
    page = read_json(document(file_object(size=1), version=declared))
    assert as_json(page)["meta"]["api-version"] == written
    assert ("versions" in as_json(page)) is (written != "1.0")


def test_html_with_all_sizes_becomes_1_1() -> None:
    """PEP 700: all that 1.1 demands is there, so 1.1 is true although HTML could not say it."""
    html = f'<a href="{WHEEL}" data-size="77" data-upload-time="2024-01-02T03:04:05Z">{WHEEL}</a>'
    written = as_json(read_html(html))
    assert written["meta"]["api-version"] == "1.1"
    assert written["versions"] == ["1.0"]
    assert written["files"][0]["size"] == 77
    assert written["files"][0]["upload-time"] == "2024-01-02T03:04:05Z"
    assert as_json(read_html(f'{html}<a href="frob-2.0.zip">x</a>'))["meta"]["api-version"] == "1.0"


@pytest.mark.parametrize("when", ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.000001Z"])
def test_upload_time_stays_as_written(when: str) -> None:
    """PEP 700: "a valid ISO 8601 date/time string", yyyy-mm-ddThh:mm:ss.ffffffZ; a zero fraction is often left out."""
    page = read_json(document(file_object(size=1, upload_time=when), version="1.1"))
    assert page.files[0].upload_time == when
    assert as_json(page)["files"][0]["upload-time"] == when
    assert read_html(as_html(page)).files[0].upload_time == when


def test_empty_project_keeps_its_version() -> None:
    """PEP 700: no file lacks a size where there is no file."""
    written = as_json(read_json(document(version="1.4", versions=[])))
    assert written["meta"]["api-version"] == "1.4"
    assert written["versions"] == []
