"""setup.py, which is never run, setup.cfg and what is left of easy_install."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import setup_files
from pipway.audit.facts import Index, Note, Option, Required

SETUP = '''
import os, setuptools
raise SystemExit("never run")
MORE = ("e",)
LINKS = ["http://nexus.corp/own-1.zip#egg=own-1"]
setuptools.setup(
    name="Öwn", install_requires=["ä @ git+http://git.corp/a", "b>=1"],
    dependency_links=LINKS,
    setup_requires="""
        wheel
        numpy
    """,
    extras_require={"more": ["c"], "dev": ["d"] + MORE, "star": [*MORE, "f"]},
)
'''


def test_setup_py() -> None:
    found = collected(setup_files, SETUP, "setup.py")
    assert options(found) == [
        ("setuptools", "dependency-links", "http://nexus.corp/own-1.zip#egg=own-1"),
        ("setuptools", "setup-requires", "wheel"),
        ("setuptools", "setup-requires", "numpy"),
    ]
    assert [(each.name, each.group) for each in of(found, Required)] == [
        ("", "install_requires"),
        ("b", "install_requires"),
        ("wheel", "setup_requires"),
        ("numpy", "setup_requires"),
        ("c", "more"),
        ("d", "dev"),
        ("e", "dev"),
        ("e", "star"),
        ("f", "star"),
    ]
    assert of(found, Required)[1].span.text == "b>=1"
    assert of(found, Option)[0].span.text == "dependency_links=LINKS"
    [note] = of(found, Note)
    assert (note.what, note.text, note.span.text) == ("project", "Öwn", "Öwn")


def test_setup_cfg() -> None:
    text = """[metadata]
name = own
[options]
install_requires =
    a>=1
    b; python_version < "3"
dependency_links = http://nexus.corp/x
[options.extras_require]
dev = c
[easy_install]
index_url = http://nexus.corp/simple
"""
    found = collected(setup_files, text, "setup.cfg")
    assert [(each.name, each.group) for each in of(found, Required)] == [
        ("a", "install_requires"),
        ("b", "install_requires"),
        ("c", "dev"),
    ]
    assert options(found) == [
        ("setuptools", "dependency-links", "http://nexus.corp/x"),
        ("easy_install", "index-url", "http://nexus.corp/simple"),
    ]
    [index] = of(found, Index)
    assert (index.tool, index.url) == ("easy_install", "http://nexus.corp/simple")


def test_links_of_an_egg() -> None:
    found = collected(setup_files, "http://a.corp/x\n\n", "own.egg-info/dependency_links.txt")
    assert options(found) == [("setuptools", "dependency-links", "http://a.corp/x")]


@pytest.mark.parametrize("text", ["def", "\x00", "(" * 500, "x" * (1 << 20)])
def test_what_is_no_python_is_a_note(text: str) -> None:
    [note] = of(collected(setup_files, text, "setup.py"), Note)
    assert note.what == "unreadable"


@given(st.text(alphabet=st.sampled_from(list("setup(name=[]){}'\",\n #ä\r\ufeff"))))
def test_any_text_has_places(text: str) -> None:
    collected(setup_files, f"setup({text}", "setup.py")
    collected(setup_files, f"setup(name='a')\r\n{text}", "setup.py")
    collected(setup_files, text, "setup.cfg")
