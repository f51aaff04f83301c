"""RFC 9110 §8.4: content codings are undone in bounded steps, whole or with one clear error."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipway.errors import BadUpstream
from pipway.wire.codings import decoder_for

MIB = 1 << 20


def compress(coding: str, data: bytes) -> bytes:
    return gzip.compress(data) if coding == "gzip" else zstandard.compress(data)


def decode(coding: str, data: bytes, step: int) -> bytes:
    decoder = decoder_for(coding)
    assert decoder is not None
    out = []
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        while piece := decoder.take():
            out.append(piece)
    decoder.finish()
    return b"".join(out)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@given(data=st.binary(max_size=3000), repeats=st.integers(1, 200), step=st.integers(1, 5000))
def test_round_trip(coding: str, data: bytes, repeats: int, step: int) -> None:
    assert decode(coding, compress(coding, data * repeats), step) == data * repeats


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("step", [1, 1000])
def test_several_members_are_one_body(coding: str, step: int) -> None:
    """RFC 1952 §2.2, RFC 8878 §3."""
    parts = [b"one", b"", b"two" * 1000]
    assert decode(coding, b"".join(compress(coding, part) for part in parts), step) == b"".join(parts)


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_comes_in_small_pieces(coding: str) -> None:
    decoder = decoder_for(coding)
    assert decoder is not None
    decoder.feed(compress(coding, bytes(256 * MIB)))
    assert all(0 < len(decoder.take()) <= 9 * MIB for _ in range(3))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_damage_and_truncation_are_errors(coding: str) -> None:
    good = compress(coding, b"some text " * 100)
    for bad in (good[:-5], b"garbage, not compressed", good[:20] + b"\xff\xff\xff\xff" + good[24:]):
        with pytest.raises(BadUpstream) as caught:
            decode(coding, bad, 7)
        assert caught.value.code == "bad-content-coding"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_no_bytes_at_all_are_an_empty_body(coding: str) -> None:
    """Some servers label an empty answer with the coding they would have used."""
    assert decode(coding, b"", 1) == b""


def test_a_window_beyond_8_mib_is_refused() -> None:
    """RFC 9659 §3: a frame may not demand more memory than 8 MiB from its reader."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(BadUpstream):
        decode("zstd", wide.compress(b"x" * 1000) + wide.flush(), 100)


@pytest.mark.parametrize("name", [None, "identity", "Identity "])
def test_identity_needs_no_decoder(name: str | None) -> None:
    assert decoder_for(name) is None


@pytest.mark.parametrize("name", ["X-GZIP", " zstd"])
def test_names_are_read_leniently(name: str) -> None:
    """RFC 9110 §8.4.1: case-insensitive, x-gzip is gzip."""
    assert decoder_for(name) is not None


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "gzip, zstd"])
def test_what_was_not_offered_is_refused(name: str) -> None:
    with pytest.raises(BadUpstream) as caught:
        decoder_for(name)
    assert caught.value.code == "unknown-content-coding"
