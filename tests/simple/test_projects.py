"""The list of projects, read and written in pieces."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypi_simple import IndexPage

from pipway.errors import BadUpstream
from pipway.simple.negotiate import Form
from pipway.simple.projects import ProjectListReader, list_head, list_items, list_tail

JSON = Form.JSON.content_type
HTML = Form.HTML.content_type


def read(content_type: str, pieces: Iterable[bytes]) -> list[str]:
    reader = ProjectListReader(content_type)
    names = [name for piece in pieces for name in reader.feed(piece)]
    return names + reader.close()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def write(form: Form, names: list[str], batch: int = 2) -> bytes:
    batches = [names[at : at + batch] for at in range(0, len(names), batch)]
    items = [list_items(names, form, number == 0) for number, names in enumerate(batches)]
    return b"".join([list_head(form), *items, list_tail(form)])


@pytest.mark.slow
@pytest.mark.parametrize("form", list(Form))
@given(
    names=st.lists(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,9}[A-Za-z0-9])?", fullmatch=True), max_size=12),
    size=st.integers(1, 80),
)
def test_what_is_written_is_read(form: Form, names: list[str], size: int) -> None:
    """However the bytes are cut, the names come out in order."""
    assert read(form.content_type, cut(write(form, names), size)) == names


@pytest.mark.parametrize("form", list(Form))
def test_another_reader_agrees(form: Form) -> None:
    """PEP 503, PEP 691: an independent client finds the same names."""
    text = write(form, ["Frob", "b.c", "x_Y"]).decode()
    page = IndexPage.from_json_data(json.loads(text)) if form is Form.JSON else IndexPage.from_html(text)
    assert page.projects == ["Frob", "b.c", "x_Y"]
    assert page.repository_version == "1.0"


def test_links_lead_to_the_normalised_name() -> None:
    """PEP 503: the href "MUST link to the URL for that particular project"."""
    assert b'<a href="x-y/">X_y</a>' in list_items(["X_y"], Form.HTML, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"projects":[{"name":"a"},{"name":"b"}],"meta":{"api-version":"1.0"}}',
        '{"meta":{"_x":[1,{"projects":[{"name":"no"}]}],"api-version":"1.1"},"projects":[{"name":"a"},{"name":"b"}]}',
        ' {\n "x" : "]}{\\"[" , "y":-1.5e3,"z":null, "projects" : [ {"_x":1,"name":"a"} ,\n{"name":"b"} ] } \n',
        '{"projects":[{"x":{"y":[{}]},"name":"a"},{"name":"b","z":"}],{\\\\"}]}',
        '{"pro\\u006aects":[{"n\\u0061me":"a"},{"name":"\\u0062"}]}',
        '{"projects":[{"name":"a"},{"name":"not a name"},{"name":"../x"},{"name":"b"}]}',
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_json_in_any_order_and_spacing(text: str, size: int) -> None:
    """PEP 691: keys have no order, "Additional keys may be added"; names that no project can have are left out."""
    assert read(JSON, cut(text.encode(), size)) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "[]",
        "<html></html>",
        "{}",
        '{"projects":{}}',
        '{"projects":null}',
        '{"projects":[',
        '{"projects":[{"name":"a"}',
        '{"projects":[{"name":"a"},',
        '{"projects":[{"name":"a"}]',
        '{"projects":[{"name":"a"},]}',
        '{"projects":[{"name":"a"}{"name":"b"}]}',
        '{"projects":[{"name":1}]}',
        '{"projects":[{"nom":"a"}]}',
        '{"projects":["a"]}',
        '{"projects":[{"name":"a",}]}',
        '{"projects":[]}x',
        '{"projects":[]]',
        '{"projects":[],}',
        '{,"projects":[]}',
        '{"x":tru,"projects":[]}',
        '{"x" 1,"projects":[]}',
        '{"message":"not found"}',
        '{"x":' + "[" * 100000,
        '{"projects":[' + '{"a":' * 100000,
        '{"x":"' + "x" * 2_000_000,
        '{"projects":[{"name":"' + "x" * 100_000 + '"}]}',
        '{"projects":[{"name":"\\ud800"}]}',
    ],
)
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_broken_json_is_refused(text: str, size: int) -> None:
    with pytest.raises(BadUpstream) as caught:
        read(JSON, cut(text.encode(), size))
    assert caught.value.code == "bad-list"
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_html_in_pieces(size: int) -> None:
    text = '<!DOCTYPE html>\n<HTML><A HREF="/a/">a</A><br/>\n<a class=x href=b><b>b</b></a> <!-- <a>c --></html>\n'
    assert read(HTML, cut(text.encode(), size)) == ["a", "b"]


@pytest.mark.parametrize("text", ["", "  ", '{"projects":[]}', "hello", "<html><a href=a>a</a><a href", "<a href=a>a"])
def test_broken_html_is_refused(text: str) -> None:
    with pytest.raises(BadUpstream):
        read(HTML, [text.encode()])


def test_html_without_links_is_bounded() -> None:
    reader = ProjectListReader(HTML)
    with pytest.raises(BadUpstream):
        for _ in range(1000):
            reader.feed(b"<p>" * 1000)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json"])
def test_unknown_type_is_refused(content_type: str) -> None:
    with pytest.raises(BadUpstream) as caught:
        ProjectListReader(content_type)
    assert caught.value.code == "unknown-type"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content_type", "head", "piece"),
    [
        (JSON, b'{"projects":[{"name":"', b"x"),
        (JSON, b'{"x":[', b"[],"),
        (HTML, b"<a ", b"x"),
    ],
)
def test_dripping_takes_linear_time(content_type: str, head: bytes, piece: bytes) -> None:
    """An upstream that drips one byte at a time must not make every byte look at all bytes before it."""
    reader = ProjectListReader(content_type)
    start = time.process_time()
    try:
        reader.feed(head)
        for _ in range(50_000):
            reader.feed(piece)
    except BadUpstream:
        pass
    assert time.process_time() - start < 15


@given(st.lists(st.binary(max_size=30)), st.sampled_from([JSON, HTML]))
def test_any_bytes_raise_nothing_else(pieces: list[bytes], content_type: str) -> None:
    try:
        read(content_type, pieces)
        read(content_type, [b'{"projects":[', *pieces, b"]}"])
    except BadUpstream:
        pass
