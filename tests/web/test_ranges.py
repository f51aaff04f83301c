"""Range selection after RFC 9110 §14 and its preconditions after §13."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.web.ranges import Span, Unsatisfiable, if_range_holds, none_match, select


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-99", Span(0, 100)),
        ("bytes=10-", Span(10, 90)),
        ("bytes=99-", Span(99, 1)),
        ("bytes=90-1000", Span(90, 10)),
        ("bytes=-1", Span(99, 1)),
        ("bytes=-1000", Span(0, 100)),
        ("BYTES=1-2", Span(1, 2)),
        ("bytes=,1-2,", Span(1, 2)),
        ("bytes=1-" + "9" * 40, Span(1, 99)),
    ],
)
def test_one_range_selects_its_bytes(header: str, span: Span) -> None:
    """RFC 9110 §14.1.2: last-pos beyond the end is cut; a longer suffix is the whole."""
    assert select(header, 100) == span


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-2",
        "bytes=1 - 2",
        "bytes=+1-2",
        "bytes=1-2, 4-5",
        "bytes=0-0,-1",
        "lines=1-2",
        "bytes=١-٢",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_malformed_foreign_or_several_means_the_whole(header: str | None) -> None:
    assert select(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_wholly_outside_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        select(header, 100)


def test_a_suffix_of_an_empty_file_is_the_whole_file() -> None:
    assert select("bytes=-5", 0) is None


@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), st.integers(0, 300))
def test_a_selected_part_lies_inside_the_file(header: str, size: int) -> None:
    try:
        span = select(header, size)
    except Unsatisfiable:
        return
    if span is not None:
        assert 0 <= span.start < span.start + span.length <= size


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_the_part_is_the_one_python_would_slice(data: bytes, first: int, last: int) -> None:
    try:
        span = select(f"bytes={first}-{last}", len(data))
    except Unsatisfiable:
        assert first >= len(data)
        return
    if span is None:
        assert last < first
    else:
        assert data[span.start : span.start + span.length] == data[first : last + 1]
        assert span.content_range(len(data)) == f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"


def test_if_range_needs_exactly_our_strong_tag() -> None:
    """RFC 9110 §13.1.5: strong comparison; a date cannot match where no Last-Modified is sent."""
    assert if_range_holds(None, None)
    assert if_range_holds('"abc"', '"abc"')
    assert not if_range_holds('W/"abc"', '"abc"')
    assert not if_range_holds('"other"', '"abc"')
    assert not if_range_holds("Sat, 21 Nov 2026 00:00:00 GMT", '"abc"')
    assert not if_range_holds('"abc"', None)


def test_if_none_match_takes_lists_weak_tags_and_the_star() -> None:
    """RFC 9110 §13.1.2: weak comparison."""
    assert none_match('"abc"', '"abc"')
    assert none_match('W/"abc"', '"abc"')
    assert none_match('"x,y", W/"z" , "abc"', '"abc"')
    assert none_match("*", None)
    assert not none_match(None, '"abc"')
    assert not none_match('"abc', '"abc"')
    assert not none_match("abc", '"abc"')
    assert not none_match('"abc"', None)
