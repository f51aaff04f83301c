"""Layers: who has the say, what adds up, and which proxy variable a tool takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.clients.base import Entry, Setting, Surroundings
from pipway.clients.layers import effective, options, proxies, requests_trust, truth, variable
from pipway.findings import Place


def entry(setting: Setting, value: str) -> Entry:
    return Entry(setting, value, "user", Place("x"))


def test_the_last_one_wins_and_lists_add_up() -> None:
    said = [entry(Setting.INDEX, "a"), entry(Setting.INDEX, "b")]
    said += [entry(Setting.EXTRA_INDEXES, "1"), entry(Setting.EXTRA_INDEXES, "2"), entry(Setting.EXTRA_INDEXES, "1")]
    found = effective(said, {Setting.TIMEOUT: "15"})
    assert found[Setting.INDEX].value == "b" and [one.value for one in found[Setting.INDEX].shadows] == ["a"]
    assert found[Setting.EXTRA_INDEXES].values == ("1", "2")
    assert (found[Setting.TIMEOUT].value, found[Setting.TIMEOUT].entries) == ("15", ())


def test_an_empty_value_wins_and_means_none() -> None:
    found = effective([entry(Setting.PROXY, "http://p"), entry(Setting.PROXY, "")], {})
    assert found[Setting.PROXY].values == () and len(found[Setting.PROXY].shadows) == 1


@pytest.mark.parametrize(
    ("environ", "upper_first", "winner"),
    [
        ({"https_proxy": "l", "HTTPS_PROXY": "u"}, False, "l"),
        ({"https_proxy": "l", "HTTPS_PROXY": "u"}, True, "u"),
        ({"https_proxy": "", "HTTPS_PROXY": "u"}, False, ""),
        ({"https_proxy": "l", "HTTPS_PROXY": ""}, True, ""),
        ({"https_proxy": "l", "HTTPS_PROXY": ""}, False, "l"),
        ({"https_proxy": "", "HTTPS_PROXY": "u"}, True, "u"),
        ({"ALL_PROXY": "a", "HTTP_PROXY": "h"}, False, "a"),
    ],
)
def test_which_variable_is_the_proxy(environ: dict[str, str], upper_first: bool, winner: str) -> None:
    assert effective(proxies(environ, "https://h/", upper_first=upper_first), {})[Setting.PROXY].value == winner


def test_options_of_the_tool_only() -> None:
    names = {"--index-url": Setting.INDEX, "--no-index": Setting.NO_INDEX}

    def given(*command: str) -> list[tuple[str, str]]:
        surroundings = Surroundings({}, Path("/h"), Path("/w"), command=command)
        return [(one.key, one.value) for one in options(surroundings, "uv", names)]

    assert given("/bin/uv", "add", "--index-url", "a", "--index-url=b", "--no-index", "x") == [
        *(("--index-url", "a"), ("--index-url", "b"), ("--no-index", "true")),
    ]
    assert given("pip", "install", "--index-url", "a") == []
    assert given("uv", "run", "--", "--index-url", "a") == []
    assert given("uv", "add", "--index-url") == [("--index-url", "")]


def test_variables_and_what_is_true() -> None:
    assert [one.value for one in variable({"A": " x  y "}, "A", Setting.EXTRA_INDEXES, split=" ")] == ["x", "y"]
    assert variable({"A": ""}, "A", Setting.INDEX) == []
    trust = requests_trust({"REQUESTS_CA_BUNDLE": "r", "CURL_CA_BUNDLE": "c"})
    assert [one.value for one in trust] == ["c", "r"]
    assert truth("Yes") and truth("1") and not truth("0") and not truth("")
