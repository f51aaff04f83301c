"""The tokenizer that finds links in HTML."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.simple.markup import MarkupError, Tag, tags


def anchors(text: str) -> list[tuple[str | None, str]]:
    return [(tag.attributes.get("href"), tag.text) for tag in tags(text) if tag.name == "a"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<a href="x">y</a>', [("x", "y")]),
        ("<A HREF='x'>y</A>", [("x", "y")]),
        ("<a href=x>y</a><br/>", [("x", "y")]),
        ("<a href = x/y >y</a >", [("x/y", "y")]),
        ('<a\n\thref="x"\n>\n y\n</a>', [("x", "y")]),
        ('<a href="x" HREF="z" a=b>y</a>', [("x", "y")]),
        ('<a data-x="a>b" href="x">y</a>', [("x", "y")]),
        ('<a data-x="it\'s" href=\'say "x"\'>y</a>', [('say "x"', "y")]),
        ("<a title=it's href=x>y</a>", [("x", "y")]),
        ('<a href="x"data-y="z">y</a>', [("x", "y")]),
        ("<a href>y</a>", [("", "y")]),
        ('<a href="x"><code>y</code>z</a>', [("x", "yz")]),
        ('<a href="x">y<a href="z">w</a>', [("x", "y"), ("z", "w")]),
        ('<a href="x">y', [("x", "y")]),
        ('<a href="?a=1&amp;b=2&copy=3&reg;">&lt;y&gt;</a>', [("?a=1&b=2&copy=3®", "<y>")]),
        ("<abbr href=x>y</abbr><a:b href=x>", []),
        ("<!-- <a href=x>y</a> --><a href=z>w</a>", [("z", "w")]),
        ("<!--><a href=x>y</a>-->", [("x", "y")]),
        ("<!DOCTYPE html><?xml <a href=x>?><a href=z>w</a>", [("z", "w")]),
        ('<script>"<a href=x>y</a>"</script><a href=z>w</a>', [("z", "w")]),
        ("<title><a href=x>y</a></TITLE><a href=z>w</a>", [("z", "w")]),
        ("<style><a href=x>y</a>", []),
        ("1 < 2 <a href=x>y</a> < 3", [("x", "y")]),
        ('<a href="x', []),
        ("<a", []),
        ("</a></a>", []),
    ],
)
def test_anchors(text: str, found: list[tuple[str, str]]) -> None:
    assert anchors(text) == found


def test_other_tags_that_matter() -> None:
    text = '<head><base href="/b/"><meta name=n content="c &quot;"></head><form><input name=q></form><script>x</script>'
    assert list(tags(text)) == [
        Tag("base", {"href": "/b/"}),
        Tag("meta", {"name": "n", "content": 'c "'}),
        Tag("form", {}),
        Tag("input", {"name": "q"}),
        Tag("script", {}),
    ]


def test_long_tag_is_refused() -> None:
    for text in (f'<a href="{"x" * 70000}">y</a>', f"<a href=x>{'y' * 70000}</a>", "<a " + "x " * 40000 + ">y</a>"):
        with pytest.raises(MarkupError):
            list(tags(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "<a>",
        "<a><p>",
        "<font size=1><p>",
        "<b>",
        '<a "',
        "<a '",
        "<!--",
        "<script>",
        "<",
        "</",
        "<a ",
        "<a x=",
        "&#1",
        "<a x= ",
        "<a x",
        "</a",
        "<title>",
        "<a/",
        "<!",
        "<a\t=",
        '<a x="',
        "<a href=x>y",
        "</script ",
        "<select><option>",
    ],
)
def test_hostile_repetition_takes_linear_time(piece: str) -> None:
    """A tree builder needs minutes for some of these; anything not linear would need hours."""
    start = time.process_time()
    try:
        for _ in tags(piece * (400_000 // len(piece))):
            pass
    except MarkupError:
        pass
    assert time.process_time() - start < 5


@given(st.text(alphabet="<>a/!-='\" hrefscipt&;#x\n", max_size=200))
def test_any_text_is_taken(text: str) -> None:
    for tag in tags(text):
        assert tag.name == tag.name.lower()
