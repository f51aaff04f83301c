""".pypirc."""

from __future__ import annotations

from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import pypirc
from pipway.audit.facts import Index, Note

TEXT = """[distutils]
index-servers =
    corp
[corp]
repository = http://up.corp/
username = u
password = hunter2
[other]
password = x
"""


def test_repositories_and_logins() -> None:
    found = collected(pypirc, TEXT, ".pypirc")
    [index] = of(found, Index)
    assert (index.role, index.name, index.url) == ("upload", "corp", "http://up.corp/")
    assert ("twine", "password", "hunter2") in options(found)
    assert [(note.what, note.span.text) for note in of(found, Note)] == [("wrong-section", "[other]")]


def test_no_secret_shows() -> None:
    assert "hunter2" not in repr(collected(pypirc, TEXT, ".pypirc"))
