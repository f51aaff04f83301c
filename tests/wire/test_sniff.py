"""What a client speaks, and how it is told no in its own protocol."""

from __future__ import annotations

import pytest

from pipway.wire.sniff import SOCKS4_REFUSAL, SOCKS5_NO_METHOD, SOCKS5_REFUSAL, TLS_REFUSAL, Refusal, Speech, sniff

SOCKS5_CONNECT = b"\x05\x01\x00\x03\x0dindex.example\x01\xbb"


@pytest.mark.parametrize(
    ("first", "speech"),
    [
        (b"GET / HTTP/1.1", Speech.HTTP),
        (b"CONNECT x:1", Speech.HTTP),
        (b"\x16\x03\x01", Speech.TLS),
        (b"\x04\x01", Speech.SOCKS4),
        (b"\x05\x01", Speech.SOCKS5),
        (b"\x00", Speech.HTTP),
    ],
)
def test_the_first_byte_decides(first: bytes, speech: Speech) -> None:
    assert sniff(first) is speech


@pytest.mark.parametrize(
    ("speech", "said", "answer"),
    [
        (Speech.SOCKS4, b"\x04\x01\x01\xbb\x7f\x00\x00\x01user\x00", SOCKS4_REFUSAL),
        (Speech.SOCKS5, b"\x05\x01\x00" + SOCKS5_CONNECT, b"\x05\x00" + SOCKS5_REFUSAL),  # RFC 1928 §3, §6
        (Speech.SOCKS5, b"\x05\x01\x02", SOCKS5_NO_METHOD),
        (Speech.TLS, b"\x16", TLS_REFUSAL),
    ],
)
def test_the_refusal_is_the_same_however_the_bytes_are_cut(speech: Speech, said: bytes, answer: bytes) -> None:
    for cut in range(len(said)):
        refusal = Refusal(speech)
        given = refusal.feed(said[:cut]) if cut else b""
        given += refusal.feed(said[cut:])
        assert (given, refusal.done) == (answer, True)


def test_an_endless_request_is_refused_in_the_end() -> None:
    refusal = Refusal(Speech.SOCKS4)
    assert refusal.feed(b"\x04\x01\x00\x50\x7f\x00\x00\x01" + b"u" * 600) == SOCKS4_REFUSAL
