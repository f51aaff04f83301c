"""What a host means: every spelling of an address is that address."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.wire.meant import meant, plain, unmapped

V4 = st.ip_addresses(v=4).map(lambda address: ipaddress.IPv4Address(address))
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1",
        "017700000001",
        "0x7f.0x0.0x0.0x1", "127%2e0%2E0%2e1", "%31%32%37.0.0.1", "%2531%2532%2537.0.0.1", "127。0。0。1",
        "１２７.0.0.1",
        "①②⑦.⓪.⓪.①", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::FFFF:7f00:1", "::ffff:127.0.0.1%lo", "127.0.0.1%eth0",
        "127.1%lo", "１２７.0.0.1%lo",
        "0:0:0:0:0:ffff:7f00:0001", "%3A%3Affff%3A127.0.0.1",
    ],
)  # fmt: skip
def test_spellings_of_loopback(text: str) -> None:
    assert meant(text) == LOOPBACK
    assert plain(text) == (text in {"127.0.0.1", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::FFFF:7f00:1",
                                    "0:0:0:0:0:ffff:7f00:0001"})  # fmt: skip


@pytest.mark.parametrize("text", ["::1", "[::1]", "::1%lo", "[::1%25lo]", "0:0:0:0:0:0:0:1", "%3a%3a1"])
def test_spellings_of_ipv6(text: str) -> None:
    assert meant(text) == ipaddress.IPv6Address("::1")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Files.Example", "files.example"),
        ("files.example.", "files.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("0x7f.example", "0x7f.example"),
        ("localhost.", "localhost"),
        ("ex%61mple", "example"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert meant(text) == name
    assert plain(text) == ("%" not in text and text.isascii())


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "a..b", "a b", "127.0.0.1 x", "127.0.0.1\x00.example", "%00", "%zz", "%ff", "256.1.1.1",
        "1.2.3.4.5",
        "0x1ffffffff", "08.1.1.1", "1.2.3.a.4", "::g", "1:2", "a@b", "a/b", "a" * 254, "%" * 2000, "x:80",
    ],
)  # fmt: skip
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        meant(text)


@given(V4, st.data())
def test_whatever_inet_aton_takes_is_the_same_address(address: ipaddress.IPv4Address, data: st.DataObject) -> None:
    """The C library is the judge: it is what would resolve the text."""
    octets = list(address.packed)
    count = data.draw(st.integers(1, 4))
    numbers = [*octets[: count - 1], int.from_bytes(bytes(octets[count - 1 :]))]
    spell: st.SearchStrategy[Callable[[int], str]] = st.sampled_from(
        [str, hex, lambda number: f"0{number:o}", lambda number: f"0X{number:X}"]
    )
    text = ".".join(data.draw(spell)(number) for number in numbers)
    assert socket.inet_aton(text) == address.packed
    assert meant(text) == address
    assert meant(text + ".") == address
    assert meant(quote(text).replace(".", "%2e")) == address


@given(st.ip_addresses(v=6), st.booleans(), st.booleans())
def test_ipv6_in_every_dress(address: ipaddress.IPv6Address, exploded: bool, bracketed: bool) -> None:
    text = address.exploded if exploded else str(address)
    assert meant(f"[{text}]" if bracketed else text) == unmapped(address)


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-fx.%:\[\]]{1,40}", fullmatch=True))
def test_nothing_is_misread(text: str) -> None:
    """What the C library would take for an address is that address here, or no host at all."""
    try:
        found = meant(text)
    except ValueError:
        return
    if isinstance(found, str):
        assert found == found.lower()
        assert found.isascii()
        with pytest.raises((OSError, UnicodeEncodeError)):
            socket.inet_aton(text)
        with pytest.raises(OSError):
            socket.inet_aton(found)
    else:
        try:
            packed = socket.inet_aton(text)
        except (OSError, UnicodeEncodeError):
            return
        assert found.packed == packed
