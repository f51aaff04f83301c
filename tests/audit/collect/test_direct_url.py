"""Where installed projects came from, when a login is in it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of

from pipway.audit.collect import direct_url
from pipway.audit.facts import Note, Required

PATH = "venv/lib/python3.13/site-packages/our_lib-1.0.dist-info/direct_url.json"
TEXT = '{"archive_info": {"hashes": {"sha256": "ab"}}, "url": "https://me:hunter2@nexus.corp/our_lib-1.0.tar.gz"}'


def test_a_login_is_told() -> None:
    [found] = of(collected(direct_url, TEXT, PATH), Required)
    assert (found.name, found.via, found.hashes[0][:2]) == ("our-lib", "installed", ("sha256", "ab"))
    assert found.span.text == found.url == "https://me:hunter2@nexus.corp/our_lib-1.0.tar.gz"


def test_what_has_none_is_nobodys_matter() -> None:
    for url in (
        "https://nexus.corp/x.tar.gz",
        "file:///a/b",
        "https://git@git.corp/x",
        "https://${USER}:${TOKEN}@a.corp/",
    ):
        assert collected(direct_url, f'{{"url": "{url}"}}', PATH) == []
    for broken in ("[]", "{", '{"url": 1}', '"x"'):
        assert [note.what for note in of(collected(direct_url, broken, PATH), Note)] == ["unreadable"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_file_is_read(data: st.DataObject) -> None:
    collected(direct_url, changed(TEXT, data), PATH)
