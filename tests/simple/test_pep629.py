"""PEP 629: versioning the Simple API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.simple.pages import anchor, as_html, document, file_object, read_html, read_json

from pipway.errors import BadUpstream
from pipway.simple.page import Page


def meta(version: str) -> str:
    return f'<html><head><meta name="pypi:repository-version" content="{version}"></head>{anchor()}'


def test_version_is_read() -> None:
    """PEP 629: the content of the meta tag is "further constrained to ONLY be Major.Minor"."""
    assert read_html(meta("1.3")).api_version == (1, 3)


def test_absent_means_1_0() -> None:
    """PEP 629: "if that data does not exist MUST assume that it is version 1.0"."""
    assert read_html(anchor()).api_version == (1, 0)


@pytest.mark.parametrize("version", ["2.0", "99.1", "0.9"])
def test_other_major_version_is_an_error(version: str) -> None:
    """PEP 629: "clients MUST hard fail with an appropriate error message"."""
    reads: list[Callable[[], Page]] = [
        lambda: read_html(meta(version)),
        lambda: read_json(document(file_object(), version=version)),
    ]
    for read in reads:
        with pytest.raises(BadUpstream) as caught:
            read()
        assert caught.value.code == "unknown-version"
        assert caught.value.why


@pytest.mark.parametrize("version", ["1", "one.two", "1.4.0", "1." + "9" * 30, "1.٣"])
def test_malformed_version_is_an_error(version: str) -> None:
    """PEP 629: the value is "further constrained to ONLY be Major.Minor"."""
    with pytest.raises(BadUpstream):
        read_html(meta(version))


def test_later_minor_version_is_read_and_capped() -> None:
    """PEP 629: a minor version signals "a backwards compatible change"; we do not claim to speak one we do not know."""
    page = read_html(meta("1.9"))
    assert page.api_version == (1, 9)
    complete = read_json(document(file_object(size=1), version="1.9"))
    assert 'content="1.4"' in as_html(complete)


def test_version_is_written() -> None:
    """PEP 629: the tag is on "the responses of every successful request to a simple API page"."""
    assert '<meta name="pypi:repository-version" content="1.0">' in as_html(read_html(anchor()))
