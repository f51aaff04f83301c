"""netrc."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected, of

from pipway.audit.collect import netrc
from pipway.audit.facts import Note


def said(text: str) -> list[tuple[str, str, str, str]]:
    return [
        (note.what, note.text, note.traits["password"], note.span.text)
        for note in of(collected(netrc, text, ".netrc"), Note)
    ]


def test_machines_and_default() -> None:
    text = "# machine no\nmachine a.corp login u password machine\nmachine\n  b.corp\n"
    text += "  login x\ndefault login y password z\n"
    assert said(text) == [
        ("netrc-login", "a.corp", "true", "machine a.corp"),
        ("netrc-login", "b.corp", "false", "machine\n  b.corp"),
        ("netrc-default", "", "true", "default"),
    ]


def test_a_hash_in_a_password_and_a_macro() -> None:
    text = "machine a.corp login u password #x\nmacdef init\nmachine no.corp\n\nmachine b.corp password p # default\n"
    assert [host for _, host, *_ in said(text)] == ["a.corp", "b.corp"]


def test_no_secret_shows() -> None:
    assert "hunter2" not in repr(collected(netrc, "machine a.corp login hunter2 password hunter2", "_netrc"))


@given(st.lists(st.sampled_from(["machine", "default", "login", "password", "macdef", "#", "x", '"', " ", "\n"])))
def test_any_text_has_places(words: list[str]) -> None:
    collected(netrc, " ".join(words), ".netrc")
