"""conda's files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import conda
from pipway.audit.collect.files import modules
from pipway.audit.facts import Index, Note, Required

ENVIRONMENT = """name: x
channels: [conda-forge, "http://nexus.corp/conda"]
dependencies:
  - python=3.12
  - pip:
      - --extra-index-url https://nexus.corp/simple
      - requests==2.31.0  # why
      - "flask @ git+http://git.corp/x"
"""


def test_an_environment_gives_pip_requirements_and_options() -> None:
    found = collected(conda, ENVIRONMENT, "environment.yml")
    assert [(each.name, each.specifier or each.url) for each in of(found, Required)] == [
        ("requests", "==2.31.0"),
        ("flask", "git+http://git.corp/x"),
    ]
    assert [(each.tool, each.role, each.url, each.via) for each in of(found, Index)] == [
        ("conda", "channel", "http://nexus.corp/conda", "file"),
        ("pip", "extra", "https://nexus.corp/simple", "environment.yml"),
    ]
    assert str(of(found, Required)[1].span.place) == "environment.yml:8:10"


def test_condarc() -> None:
    text = "ssl_verify: false\nchannel_priority: flexible\nproxy_servers:\n  https: http://u:p@proxy:8080\n"
    found = collected(conda, text, "etc/.condarc")
    assert options(found) == [
        ("conda", "verify-ssl", "false"),
        ("conda", "channel-priority", "flexible"),
        ("conda", "proxy", "http://u:p@proxy:8080"),
    ]
    assert options(collected(conda, "ssl_verify: /ca.pem\n", ".condarc")) == [("conda", "cert", "/ca.pem")]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "&a [*a, *a]", "\x01", "- " * 3000, "[" * 3000, "? : ?"])
def test_broken_files_are_a_note_or_nothing(text: str) -> None:
    assert all(isinstance(fact, Note) for fact in collected(conda, text, ".condarc"))


def test_names() -> None:
    assert "conda" in modules("envs/environment-dev.yaml", "name: x\ndependencies:\n")
    assert "conda" not in modules("compose.yml", "")
    assert collected(conda, "apiVersion: v1\n", "environment.yml") == []


@given(st.text(alphabet=st.sampled_from(list("ab:- \n\"'[]{}&*!|>#?,%@\t"))))
def test_any_text_has_places(text: str) -> None:
    collected(conda, text, ".condarc")
