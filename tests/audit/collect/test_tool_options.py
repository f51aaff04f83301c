"""Which words of a command are values: held against what pip itself reads, and in every way of writing one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pip._internal.commands import create_command

from pipway.audit.collect.tool_options import TABLES
from pipway.audit.facts import Source, Span, Word


def words(text: str) -> list[Word]:
    source, found, at = Source("x.sh", text, "script"), [], 0
    for part in text.split():
        at = text.index(part, at)
        found.append(Word(part, Span(source, at, at + len(part))))
        at += len(part)
    return found


def read(tool: str, text: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    given, arguments = TABLES[tool].read(words(text), 1)
    return [(option.name, option.value) for option in given], [word.text for word in arguments]


@pytest.mark.parametrize(
    ("tool", "text", "options", "arguments"),
    [
        ("pip", "pip install -i http://a x", [("index-url", "http://a")], ["install", "x"]),
        ("pip", "pip install -ihttp://a x", [("index-url", "http://a")], ["install", "x"]),
        ("pip", "pip install --index-url=http://a x", [("index-url", "http://a")], ["install", "x"]),
        ("pip", "pip install --pre x", [("pre", None)], ["install", "x"]),
        ("pip", "pip install -Ur req.txt", [("upgrade", None), ("requirement", "req.txt")], ["install"]),
        ("pip", "pip install -- --pre", [], ["install", "--pre"]),
        ("pip", "pip install -i", [("index-url", "")], ["install"]),
        ("pip", "pip --proxy p install x", [("proxy", "p")], ["install", "x"]),
        ("pip", "pip install --trusted h x", [("trusted-host", "h")], ["install", "x"]),
        ("uv", "uv pip install --index-strategy s x", [("index-strategy", "s")], ["pip", "install", "x"]),
        ("curl", "curl -fsSLk -o f http://a", "insecure", ["http://a"]),
        ("twine", "twine upload -p s dist/*", [("password", "s")], ["upload", "dist/*"]),
    ],
)
def test_options_and_arguments(
    tool: str, text: str, options: list[tuple[str, str | None]] | str, arguments: list[str]
) -> None:
    given, rest = read(tool, text)
    if isinstance(options, str):
        assert options in [name for name, _ in given]
    else:
        assert [each for each in given if each[0] != "upgrade"] == [each for each in options if each[0] != "upgrade"]
    assert rest == arguments


def of_pip() -> Iterator[tuple[str, bool]]:
    """Every way to write an option of the commands that install, and whether pip takes a value for it."""
    for command in ("install", "download", "wheel"):
        for option in create_command(command).parser.option_list_all:
            for written in (*option._long_opts, *option._short_opts):
                yield written, option.takes_value()


@pytest.mark.parametrize(("written", "takes"), sorted(set(of_pip())))
def test_values_are_those_that_pip_takes(written: str, takes: bool) -> None:
    """A flag taken for an option with a value would hide the argument behind it, and the other way round."""
    _, arguments = read("pip", f"pip install {written} behind")
    assert arguments == (["install"] if takes else ["install", "behind"])
