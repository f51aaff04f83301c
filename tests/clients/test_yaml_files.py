"""YAML files: which line a key is in, and that an edit leaves the rest as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipway.clients.yaml_files import edited, parse, read
from pipway.errors import UsageError
from pipway.findings import Place

CONDARC = """# top
channels:
  - defaults   # keep
  - conda-forge

# proxies
proxy_servers:
    http: http://a:1   # old
    # inside
    https: http://b:1

ssl_verify: true # yes
"""
PROXIES = "proxy_servers:\n    http: http://a:1   # old\n    # inside\n    https: http://b:1\n"


def after(raw: str, values: Mapping[Sequence[str], Any]) -> str:
    return edited(parse(Path(".condarc"), raw.encode()), values).decode()


def test_lines() -> None:
    file = parse(Path(".condarc"), CONDARC.encode())
    assert file.place("proxy_servers", "https") == Place(".condarc", 10)
    assert file.place("ssl_verify") == Place(".condarc", 12)
    assert file.data["channels"] == ["defaults", "conda-forge"]


@pytest.mark.parametrize(
    ("before", "values", "wanted"),
    [
        ("", {("ssl_verify",): "/ca.pem"}, "ssl_verify: /ca.pem\n"),
        ("# only", {("a", "b"): 1}, "# only\na:\n  b: 1\n"),
        (CONDARC, {("ssl_verify",): "/ca.pem"}, CONDARC.replace("true", "/ca.pem")),
        (CONDARC, {("proxy_servers", "http"): "http://n:2"}, CONDARC.replace("http://a:1", "http://n:2")),
        (CONDARC, {("proxy_servers", "ftp"): "x"}, CONDARC.replace("b:1\n", "b:1\n    ftp: x\n")),
        (CONDARC, {("proxy_servers",): None}, CONDARC.replace(PROXIES, "")),
        (CONDARC, {("proxy_servers", "http"): None, ("proxy_servers", "https"): None}, CONDARC.replace(PROXIES, "")),
        (CONDARC, {("new",): 1}, CONDARC + "new: 1\n"),
        (CONDARC, {("channels",): ["x"]}, CONDARC.replace("defaults   # keep\n  - conda-forge", "x")),
        ("a: {b: 1}\r\nc: 1", {("a", "b"): "z"}, "a:\r\n  b: z\r\nc: 1"),
        ("a:\nb: 1\n", {("a",): "d"}, "a: d\nb: 1\n"),
        ("a: 'x y' # c\n", {("a",): "x: y"}, "a: 'x: y' # c\n"),
    ],
)
def test_one_key_changes(before: str, values: Mapping[Sequence[str], Any], wanted: str) -> None:
    assert after(before, values) == wanted


@pytest.mark.parametrize(
    ("raw", "line"),
    [("a: [1\nb: 2", 2), ("a: 1\n\tb: 2\n", 2), ("- a\n", 1), ("a: secret1\na: secret2\n", 2), ("a: \xff", 1)],
)
def test_a_broken_file_says_where_and_holds_its_tongue(raw: str, line: int) -> None:
    file = parse(Path(".condarc"), raw.encode("latin-1"))
    assert file.broken is not None and file.broken.line == line
    assert "secret" not in file.broken.reason
    with pytest.raises(UsageError, match="cannot be changed"):
        edited(file, {("a",): 1})


def test_what_is_written_in_one_line_is_left_to_a_person() -> None:
    with pytest.raises(UsageError, match="cannot be changed"):
        after("{a: 1}\n", {("b",): 1, ("c",): 2})


def test_many_aliases_are_not_expanded() -> None:
    bomb = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 200))
    assert parse(Path("x"), bomb.encode()).broken is not None


def test_missing_empty_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    assert read(tmp_path / "none").raw is None
    assert read(tmp_path / "empty").broken is None
    assert read(tmp_path).broken is not None
