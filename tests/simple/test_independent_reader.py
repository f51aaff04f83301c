"""Another client's eyes: `pypi-simple` reads what we write, in both forms."""

from __future__ import annotations

import pytest
from pypi_simple import DistributionPackage, ProjectPage, ProjectStatus
from tests.simple.pages import DIGEST, NAME, URL, WHEEL, anchor, as_json, document, file_object, read_html, read_json

from pipway.simple.page import Page
from pipway.simple.write import write_html

PAGES = {
    "json": read_json(
        document(
            file_object(
                requires_python=">=3.8,<4",
                yanked='bad "thing" <here>',
                core_metadata={"sha256": DIGEST},
                gpg_sig=True,
                size=12345,
                upload_time="2024-01-02T03:04:05.678901Z",
                provenance="https://files.example/provenance",
            ),
            file_object("frob-2.0.tar.gz", size=1),
            version="1.4",
            versions=["1.0", "2.0"],
            project_status={"status": "deprecated", "reason": "use <another>"},
        )
    ),
    "html": read_html(
        '<meta name="pypi:project-status" content="deprecated">'
        '<meta name="pypi:project-status-reason" content="use &lt;another&gt;">'
        + anchor(
            'data-requires-python="&gt;=3.8,&lt;4" data-yanked="bad &quot;thing&quot; &lt;here&gt;" '
            f'data-gpg-sig="true" data-core-metadata="sha256={DIGEST}" data-provenance="https://files.example/provenance"'
        )
        + '<a href="https://files.example/frob-2.0.tar.gz">frob-2.0.tar.gz</a>'
    ),
}


def seen(page: Page, form: str) -> ProjectPage:
    if form == "json":
        return ProjectPage.from_json_data(as_json(page), URL)
    return ProjectPage.from_html(NAME, write_html(page, lambda file: file.url), URL)


@pytest.mark.parametrize("source", list(PAGES))
@pytest.mark.parametrize("form", ["json", "html"])
def test_files(source: str, form: str) -> None:
    found = seen(PAGES[source], form)
    assert [package.filename for package in found.packages] == [WHEEL, "frob-2.0.tar.gz"]
    first: DistributionPackage = found.packages[0]
    assert first.url == f"https://files.example/{WHEEL}"
    assert first.digests == {"sha256": DIGEST}
    assert first.requires_python == ">=3.8,<4"
    assert first.is_yanked
    assert first.yanked_reason == 'bad "thing" <here>'
    assert first.has_metadata
    assert first.metadata_digests == {"sha256": DIGEST}
    assert first.has_sig is True
    assert first.provenance_url == "https://files.example/provenance"
    assert not found.packages[1].is_yanked


@pytest.mark.parametrize("source", list(PAGES))
@pytest.mark.parametrize("form", ["json", "html"])
def test_project(source: str, form: str) -> None:
    found = seen(PAGES[source], form)
    assert found.project == NAME
    assert found.status is ProjectStatus.DEPRECATED
    assert found.status_reason == "use <another>"
    assert found.repository_version == ("1.4" if source == "json" else "1.0")


def test_json_only() -> None:
    found = seen(PAGES["json"], "json")
    assert found.versions == ["1.0", "2.0"]
    assert found.packages[0].size == 12345
    assert found.packages[0].upload_time is not None
    assert found.packages[0].upload_time.isoformat() == "2024-01-02T03:04:05.678901+00:00"
