"""The chunked coding (RFC 9112 §7.1), decoded strictly however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import ProtocolError
from pipway.wire.chunked import LAST, ChunkedDecoder, frame


def test_every_cut_decodes_to_the_same() -> None:
    raw = b"4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET / next"
    for cut in range(len(raw) + 1):
        decoder = ChunkedDecoder()
        out = decoder.feed(raw[:cut])
        rest = decoder.rest if decoder.done else b""
        if decoder.done:
            rest += raw[cut:]
        else:
            out += decoder.feed(raw[cut:])
            rest = decoder.rest
        assert (out, decoder.done, rest) == (b"Wikipedia", True, b"GET / next")


@pytest.mark.parametrize(
    "raw",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x4\r\n",
        b"\r\n",
        b"4\nWiki",
        b"4\r\nWikiX",
        b"4\r\nWiki\nX",
        b"ffffffffffffffffff\r\n",
        b"4 4\r\n",
        b"4;a\x00b\r\n",
        b"1" * 2000,
        b"0\r\nno colon\r\n",
        b"0\r\n folded: x\r\n",
        b"0\r\n" + b"T: " + b"x" * 900 + b"\r\n" + (b"T: " + b"x" * 900 + b"\r\n") * 10,
    ],
)
def test_broken_framing_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        ChunkedDecoder().feed(raw)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 7))
def test_what_is_framed_comes_back(pieces: list[bytes], step: int) -> None:
    raw = b"".join(b"".join(frame(piece)) for piece in pieces) + LAST
    decoder = ChunkedDecoder()
    out = b"".join(decoder.feed(raw[at : at + step]) for at in range(0, len(raw), step))
    assert (out, decoder.done, decoder.rest) == (b"".join(pieces), True, b"")
