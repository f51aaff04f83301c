"""The INI editor beside Python's own configparser."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.clients.ini import Ini, Kind

FILE = b"""\
# the company's
[global]
index-url = https://index.example/simple  ; not a comment
trusted-host =
    a.example
    # why
    b.example

timeout: 60

[install]
; nothing yet
"""


def read(content: bytes) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(content.decode("utf-8-sig", "surrogateescape"))
    return parser


def values(content: bytes) -> dict[tuple[str, str], str]:
    """What configparser reads, without the blank lines of values."""
    parser = read(content)
    return {
        (section, key): "\n".join(line for line in value.split("\n") if line)
        for section in parser.sections()
        for key, value in parser.items(section)
    }


def test_values_have_places() -> None:
    ini = Ini(FILE)
    assert ini.sections == ("global", "install")
    hosts = ini.find("global", "Trusted-Host")
    assert hosts is not None
    assert (hosts.line, hosts.column, hosts.value) == (4, 1, "a.example\nb.example")
    assert [(part.text, part.line, part.column) for part in hosts.parts] == [("a.example", 5, 5), ("b.example", 7, 5)]
    index = ini.find("global", "index-url")
    assert index is not None
    assert (index.parts[0].line, index.parts[0].column) == (3, 13)
    assert index.value == "https://index.example/simple  ; not a comment"
    assert ini.problems == ()


def test_set_replaces_in_place() -> None:
    ini = Ini(FILE).set("global", "index-url", "https://other.example/simple")
    assert ini.to_bytes() == FILE.replace(
        b"https://index.example/simple  ; not a comment", b"https://other.example/simple"
    )


def test_set_a_list_and_a_single_value() -> None:
    ini = Ini(FILE).set("global", "trusted-host", ["x.example", "y.example"])
    assert b"trusted-host =\n    x.example\n    y.example\n    # why\n\ntimeout" in ini.to_bytes()
    ini = Ini(FILE).set("global", "trusted-host", "x.example")
    assert b"trusted-host = x.example\n    # why\n\ntimeout" in ini.to_bytes()


def test_set_adds_at_the_end_of_the_section() -> None:
    assert b"timeout: 60\nproxy = http://p.example:1\n\n[install]" in (
        Ini(FILE).set("global", "proxy", "http://p.example:1").to_bytes()
    )
    assert Ini(FILE).set("install", "user", "no").to_bytes() == FILE.replace(b"[install]\n", b"[install]\nuser = no\n")


def test_set_adds_a_section() -> None:
    assert Ini(b"").set("global", "timeout", "5").to_bytes() == b"[global]\ntimeout = 5\n"
    assert Ini(b"[a]\r\nx=1").set("b", "y", "2").to_bytes() == b"[a]\r\nx=1\r\n\r\n[b]\r\ny = 2\r\n"


def test_remove_keeps_comments() -> None:
    after = Ini(FILE).remove("global", "trusted_host").remove("global", "trusted-host").to_bytes()
    assert after == FILE.replace(b"trusted-host =\n    a.example\n", b"").replace(b"    b.example\n", b"")


@pytest.mark.parametrize(
    ("content", "kind", "line", "error"),
    [
        (b"[a]\nx = 1\nX = 2\n", Kind.DUPLICATE_KEY, 3, configparser.DuplicateOptionError),
        (b"[a]\n[b]\n[a]\n", Kind.DUPLICATE_SECTION, 3, configparser.DuplicateSectionError),
        (b"# c\nx = 1\n[a]\n", Kind.NO_SECTION, 2, configparser.MissingSectionHeaderError),
        (b"[a]\nx =\ny.example\n", Kind.NO_KEY, 3, configparser.ParsingError),
        (b"[a]\n= 1\n", Kind.NO_KEY, 2, configparser.ParsingError),
    ],
)
def test_what_configparser_refuses(content: bytes, kind: Kind, line: int, error: type[Exception]) -> None:
    (problem,) = Ini(content).problems
    assert (problem.kind, problem.line) == (kind, line)
    with pytest.raises(error):
        read(content)


def test_encodings() -> None:
    (problem,) = Ini(b"[a]\nx = caf\xe9\n").problems
    assert (problem.kind, problem.line, problem.column) == (Kind.ENCODING, 2, 8)
    assert Ini(b"[a]\nx = caf\xe9\n").set("a", "y", "1").to_bytes() == b"[a]\nx = caf\xe9\ny = 1\n"
    sixteen = Ini("\ufeff[a]\nx = é\n".encode("utf-16-le"))
    assert (sixteen.encoding, sixteen.bom, sixteen.problems) == ("utf-16-le", True, ())
    assert sixteen.to_bytes(encoding="utf-8", bom=False) == "[a]\nx = é\n".encode()
    marked = Ini(b"\xef\xbb\xbf[a]\n").set("a", "x", "1")
    assert marked.bom
    assert marked.to_bytes() == b"\xef\xbb\xbf[a]\nx = 1\n"


def test_a_file_too_large_is_not_read() -> None:
    assert [problem.kind for problem in Ini(b"[a]\n" * 300_000).problems] == [Kind.TOO_LARGE]


def test_indenting_makes_a_continuation() -> None:
    broken = Ini(b"[global]\ntrusted-host =\na.example\nb.example\n")
    assert [problem.line for problem in broken.problems] == [3, 4]
    assert [problem.key for problem in broken.problems] == ["trusted-host"] * 2
    mended = broken.indented([3, 4])
    assert mended.problems == ()
    assert mended.items[0].value == "a.example\nb.example"


def test_renaming_a_key() -> None:
    ini = Ini(b"[global]\n  trusted-hosts : a\n")
    assert ini.renamed(ini.items[0], "trusted-host").to_bytes() == b"[global]\n  trusted-host : a\n"


@pytest.mark.parametrize("value", ["two\nlines", " padded", "", ["a", ""], ["a", "# b"], []])
def test_what_cannot_be_written(value: str | list[str]) -> None:
    if value == "":
        assert Ini(b"").set("a", "x", value).find("a", "x") is not None
    else:
        with pytest.raises(ValueError, match="written"):
            Ini(b"").set("a", "x", value)


WORDS = st.text("abc#;=:-. é", min_size=1, max_size=8)
LINES = st.one_of(
    st.just(""),
    st.just("   "),
    st.builds("{}# {}".format, st.sampled_from(["", "  "]), WORDS),
    st.builds("{}[{}]".format, st.sampled_from(["", " ", "   "]), st.sampled_from("stuv")),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "  ", "    ", "\t"]),
        st.text("abcdefg-", min_size=1, max_size=4),
        st.sampled_from(["=", " = ", ": ", " :"]),
        WORDS,
    ),
    st.builds("{}{}".format, st.sampled_from(["", "  ", "      "]), WORDS),
)
FILES = st.builds(
    lambda lines, end, last: (end.join(["[s]", *lines]) + (end if last else "")).encode(),
    st.lists(LINES, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


@given(FILES)
def test_reading_agrees_with_configparser(content: bytes) -> None:
    ini = Ini(content)
    assert ini.to_bytes() == content
    try:
        expected = values(content)
    except configparser.Error:
        assert ini.problems
    else:
        assert ini.problems == ()
        assert {(item.section, item.name): item.value for item in ini.items} == expected


def kept(content: bytes, *, without: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [(i.section, i.name, i.value) for i in Ini(content).items if (i.section, i.name) != without]


@pytest.mark.slow
@given(
    FILES.filter(lambda content: not Ini(content).problems),
    st.sampled_from("stw"),
    st.sampled_from(["a", "ab", "b-c", "new"]),
    st.one_of(
        WORDS.map(str.strip),
        st.lists(WORDS.map(str.strip).filter(lambda word: word and word[0] not in "#;"), min_size=1, max_size=3),
    ),
)
def test_an_edit_is_read_and_touches_nothing_else(
    content: bytes, section: str, key: str, value: str | list[str]
) -> None:
    ini = Ini(content)
    after = ini.set(section, key, value)
    expected = value if isinstance(value, str) else "\n".join(value)
    found = values(after.to_bytes())
    assert found[section, key] == expected
    before = values(content)
    assert {name: text for name, text in found.items() if name != (section, key)} == {
        name: text for name, text in before.items() if name != (section, key)
    }
    # Every line that does not belong to the key is still there, in its order.
    old, new = ini.find(section, key), after.find(section, key)
    assert new is not None
    mine = {new.line, *(part.line for part in new.parts)}
    gone = {old.line, *(part.line for part in old.parts)} if old else set()
    rest = [line for n, line in enumerate(after.to_bytes().decode().splitlines(), 1) if n not in mine]
    original = [line for n, line in enumerate(content.decode().splitlines(), 1) if n not in gone]
    added = [] if section in ini.sections else [line for line in rest if line in {"", f"[{section}]"}]
    assert [line for line in rest if line not in added] == [line for line in original if line not in added]
    removed = after.remove(section, key).to_bytes()
    assert (section, key) not in values(removed)
    assert kept(removed, without=(section, key)) == kept(content, without=(section, key))
