"""Names of projects and files, and what file names say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import UsageError
from pipway.simple.names import (
    CANDIDATE_LIMIT,
    is_distribution,
    is_valid_name,
    normalize,
    project_candidates,
    valid_filename,
    version_of,
    versions_of,
)
from pipway.simple.page import NormalizedName


@pytest.mark.parametrize("name", ["", "-a", "a-", ".", "a b", "a/b", "../a", "a\n", "ä", "ſ", "\u212a", "a" * 201])
def test_what_is_no_name(name: str) -> None:
    assert not is_valid_name(name)
    with pytest.raises(UsageError) as caught:
        normalize(name)
    assert caught.value.code == "invalid-name"
    assert len(str(caught.value)) < 400
    assert caught.value.fix


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,60}[A-Za-z0-9])?", fullmatch=True))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalize(name)
    assert normalize(once) == once
    assert once == once.lower()
    assert "--" not in once


@pytest.mark.parametrize(
    "filename",
    ["a-1.0.tar.gz", "A_b-1.0+cu118-cp39-cp39-linux_x86_64.whl", "a-1!2.0.zip", "ü-1.zip", "a b-1.zip", "~a"],
)
def test_valid_file_names(filename: str) -> None:
    assert valid_filename(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "a\x00b",
        "a\nb",
        "a\x7f",
        " a",
        "a ",
        "a" * 256,
        "ü" * 128,
        "a\u202egz.exe",
        "a\ud800",
        "a\u2028b",
        "a\u00a0b",
        "\ufeffa",
    ],
)
def test_invalid_file_names(filename: str) -> None:
    assert not valid_filename(filename)


@pytest.mark.parametrize(
    ("filename", "projects"),
    [
        ("Frob_Nicate-1.0-py3-none-any.whl", ["frob-nicate"]),
        ("frob_nicate-1.0-1-py3-none-any.whl.metadata", ["frob-nicate"]),
        ("frob-1.0.tar.gz", ["frob"]),
        ("frob-1.0.tar.gz.asc", ["frob"]),
        ("a-b-1.0-beta.tar.gz", ["a-b", "a-b-1-0", "a"]),
        ("a-2-1.zip", ["a", "a-2"]),
        ("zope.interface-5.0-py3.8.egg", ["zope-interface"]),
        ("zope.interface-5.0.win32-py2.7.exe", ["zope-interface"]),
        ("a-b-1.0.win-amd64.msi", ["a-b", "a"]),
        ("frob-1.0-1.noarch.rpm", ["frob"]),
        ("python-frob_1.0_all.deb", ["python-frob"]),
        ("frob.zip", ["frob"]),
        ("readme.txt", []),
        ("-1.0.tar.gz", []),
        ("", []),
    ],
)
def test_projects_of_a_file(filename: str, projects: list[str]) -> None:
    assert list(project_candidates(filename)) == projects


def test_candidates_are_bounded() -> None:
    assert len(project_candidates("a-" * 5000 + "1.0.tar.gz")) <= CANDIDATE_LIMIT
    assert len(project_candidates("-".join("abcdefghijklmno") + ".zip")) == CANDIDATE_LIMIT


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("frob_nicate-1.0-py3-none-any.whl", "1.0"),
        ("Frob.Nicate-1.0RC1-1-py3-none-any.whl", "1.0rc1"),
        ("frob_nicate-1.0.tar.gz", "1.0"),
        ("frob-nicate-01.2.0-beta.zip", "1.2.0b0"),
        ("frob-nicate-2-1.zip", "2.post1"),
        ("frob_nicate-5.0-py3.8.egg", "5.0"),
        ("frob-nicate-5.0.win32-py2.7.exe", "5.0"),
        ("frob-nicate-5.0.win-amd64-py2.7.msi", "5.0"),
        ("frob_nicate-1.0+local.1-py3-none-any.whl", "1.0+local.1"),
        ("other-1.0.tar.gz", None),
        ("other-1.0-py3-none-any.whl", None),
        ("frob-nicate-dev.tar.gz", None),
        ("frob_nicate.whl", None),
        ("frob_nicate-" + "9" * 200 + ".zip", None),
        ("readme", None),
    ],
)
def test_version_of_a_file(filename: str, version: str | None) -> None:
    assert version_of(filename, NormalizedName("frob-nicate")) == version


def test_versions_are_ordered_and_unique() -> None:
    names = ["f-1.10.zip", "f-1.9-py3-none-any.whl", "f-1.9.zip", "f-1.10.0.zip", "f-1.0a1.zip", "f.zip"]
    assert versions_of(names, NormalizedName("f")) == ("1.0a1", "1.9", "1.10")


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    valid_filename(text)
    is_distribution(text)
    for project in project_candidates(text):
        assert normalize(project) == project
        version_of(text, project)
