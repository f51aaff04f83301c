"""Names of hosts, as people and servers write them."""

from __future__ import annotations

import pytest

from pipway.wire.host_name import host_name

LONGEST = ".".join(["a" * 49] * 5) + ".abc"  # 253 characters


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Files.Example", "files.example"),
        ("files.example.", "files.example."),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("_dmarc.my_host", "_dmarc.my_host"),
        ("a", "a"),
        (LONGEST, LONGEST),
        (f"{LONGEST}.", f"{LONGEST}."),
    ],
)
def test_names(text: str, name: str) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize("text", ["", ".", "-a", "a-", "a b", "a/b", "a\n", "a:1", "[::1]", f"{LONGEST}a"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="missing or malformed"):
        host_name(text)


@pytest.mark.parametrize("text", ["ü" * 300, "ü..example", "☃️\u200d.example", "\udcff"])
def test_what_idna_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="international"):
        host_name(text)
