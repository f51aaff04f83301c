"""pip.conf as pip reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import pip_conf
from pipway.audit.collect.files import modules
from pipway.audit.facts import Index, Note, Option

PATH = "etc/pip.conf"


def notes(text: str, path: str = PATH) -> list[tuple[str, str]]:
    return [(note.what, note.span.text) for note in of(collected(pip_conf, text, path), Note)]


def test_options_and_indexes_have_exact_places() -> None:
    found = collected(pip_conf, "[global]\nindex-url = http://m/simple\nTrusted_Host=m\n", PATH)
    assert options(found) == [("pip", "index-url", "http://m/simple"), ("pip", "trusted-host", "m")]
    first, second = of(found, Option)
    assert first.span.text == "index-url = http://m/simple"
    assert (first.section, first.key) == ("global", "[global] index-url")
    assert second.span.text == "Trusted_Host=m"
    [index] = of(found, Index)
    assert (index.role, index.url_span is not None and str(index.url_span.place)) == ("primary", "etc/pip.conf:2:13")


def test_several_lines_are_several_values() -> None:
    text = "[global]\r\nextra-index-url =\r\n    https://a.corp/simple\r\n    # no\r\n    https://b.corp/simple\r\n"
    found = collected(pip_conf, text, PATH)
    assert [(index.url, index.role) for index in of(found, Index)] == [
        ("https://a.corp/simple", "extra"),
        ("https://b.corp/simple", "extra"),
    ]
    assert [option.span.text for option in of(found, Option)] == ["https://a.corp/simple", "https://b.corp/simple"]


def test_one_value_on_its_own_line_goes_with_its_key() -> None:
    found = collected(pip_conf, "[install]\ntrusted-host =\n  a.corp\n", PATH)
    assert [option.span.text for option in of(found, Option)] == ["trusted-host =\n  a.corp"]


def test_what_stops_pip() -> None:
    assert notes("[global]\ntrusted-host = a\nb.corp\n") == [("unindented", "b.corp")]
    assert notes("[global]\nproxy = a\nproxy = b\n") == [("duplicate-key", "proxy = b")]
    assert notes("[global]\nindex_url = a\nindex-url = b\n") == [("duplicate-key", "index-url = b")]
    assert notes("index-url = a\n") == [("no-section", "index-url = a")]
    assert notes("[global]\nproxy = \udce4\n") == [("encoding", "proxy = \udce4")]
    assert notes("\ufeff[global]\nproxy = a\n")[0][0] == "encoding"


def test_keys_that_pip_does_not_know() -> None:
    [note] = of(collected(pip_conf, "[global]\ntrusted-hosts = a\n", PATH), Note)
    assert (note.what, note.span.text, note.traits["meant"]) == ("unknown-key", "trusted-hosts", "trusted-host")
    assert notes("[hash]\nindex-url = a\n") == [("wrong-section", "index-url")]
    assert notes("[gobal]\nindex-url = a\n") == [("unknown-section", "[gobal]")]


@pytest.mark.parametrize("path", [".pip.conf", "home/.piprc"])
def test_names_that_pip_never_reads(path: str) -> None:
    assert ("never-read", "") in notes("[global]\n", path)


def test_names() -> None:
    assert "pip_conf" in modules("docker/pip.ini", "")
    assert "pip_conf" not in modules("docker/pip.cfg", "")


@given(st.text(alphabet=st.sampled_from(list("[]global =\n\r\t#;:x\ufeff\udce4"))))
def test_any_text_has_places(text: str) -> None:
    collected(pip_conf, text, PATH)
