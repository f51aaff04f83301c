"""twine: its repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.clients.base import Client, Setting, Surroundings, Wish
from pipway.clients.twine import Twine
from pipway.errors import UsageError
from pipway.findings import Severity

TWINE: Client = Twine()
TEXT = """\
[distutils]
index-servers =
    corp
    pypi

[corp]
repository = https://upload.example/legacy/
username = ann
"""


def where(folder: Path, text: str = "", command: str = "", **environ: str) -> Surroundings:
    (folder / "work").mkdir(exist_ok=True)
    if text:
        (folder / ".pypirc").write_text(text)
        (folder / ".pypirc").chmod(0o600)
    return Surroundings(environ, folder, folder / "work", command=tuple(command.split()))


def test_the_one_on_path(tmp_path: Path) -> None:
    program = tmp_path / "twine"
    program.write_text("#!/bin/sh\necho 'twine version 6.2.0 (keyring: 25.6.0)'\n")
    program.chmod(0o755)
    (found,) = TWINE.find(where(tmp_path, PATH=str(tmp_path)))
    assert (found.version, found.command) == ("6.2.0", (str(program),))


def test_where_it_uploads(tmp_path: Path) -> None:
    assert TWINE.effective(where(tmp_path), None)[Setting.INDEX].value.endswith("/legacy/")
    end = TWINE.effective(where(tmp_path, TEXT, TWINE_REPOSITORY="corp"), None)[Setting.INDEX]
    assert (end.value, end.entries[0].place.line) == ("https://upload.example/legacy/", 7)
    end = TWINE.effective(
        where(tmp_path, TEXT, "twine upload -r corp x", TWINE_REPOSITORY_URL="https://e.example"), None
    )[Setting.INDEX]
    assert (end.value, [entry.value for entry in end.shadows]) == (
        "https://e.example",
        ["https://upload.example/legacy/"],
    )


def test_authorities_and_proxy(tmp_path: Path) -> None:
    environ = {"TWINE_CERT": "/own.pem", "HTTPS_PROXY": "http://u.example:1", "https_proxy": "http://l.example:1"}
    end = TWINE.effective(where(tmp_path, **environ), None)
    assert (end[Setting.CA].value, end[Setting.PROXY].value) == ("/own.pem", "http://l.example:1")
    end = TWINE.effective(where(tmp_path, REQUESTS_CA_BUNDLE="/bundle.pem", **environ), None)
    assert end[Setting.CA].value == "/bundle.pem"


def test_sound_configuration_has_no_findings(tmp_path: Path) -> None:
    assert TWINE.findings(where(tmp_path, TEXT), None) == ()


@pytest.mark.parametrize(
    ("text", "found", "line"),
    [
        (TEXT.replace("https", "http"), "PW901", 7),
        (TEXT + "password = hidden\n", "PW310", 9),
        (TEXT.replace("    corp\n", ""), "PW704", 6),
        (TEXT + "username = bob\n", "PW702", 9),
    ],
)
def test_findings(tmp_path: Path, text: str, found: str, line: int) -> None:
    (one,) = TWINE.findings(where(tmp_path, text), None)
    assert (one.id, one.place and one.place.line) == (found, line)
    assert "hidden" not in repr(one)


def test_a_password_that_others_can_read(tmp_path: Path) -> None:
    surroundings = where(tmp_path, TEXT + "password = hidden\n")
    (tmp_path / ".pypirc").chmod(0o644)
    one, two = TWINE.findings(surroundings, None)
    assert (one.id, two.id, one.severity) == ("PW303", "PW310", Severity.HIGH)


def test_a_file_that_is_not_read(tmp_path: Path) -> None:
    surroundings = where(tmp_path)
    (tmp_path / "work/.pypirc").write_text(TEXT)
    assert [one.id for one in TWINE.findings(surroundings, None)] == ["PW701"]
    named = where(tmp_path, command="twine upload --config-file .pypirc x")
    assert TWINE.findings(named, None) == ()
    assert TWINE.files(named)[0].path == tmp_path / "work/.pypirc"


def test_nothing_is_changed(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        TWINE.change(where(tmp_path), Wish(index="https://index.example/simple"), "user")
