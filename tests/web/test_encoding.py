"""Codings of pages."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from pipway.simple.negotiate import Encoding
from pipway.web.encoding import compress, compressor

DATA = b"<a href='x'>x</a>\n" * 5000


def expand(data: bytes, encoding: Encoding) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if encoding == "zstd" else data


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_compression_is_reversible_and_repeatable(encoding: Encoding) -> None:
    once, again = compress(DATA, encoding), compress(DATA, encoding)
    assert expand(once, encoding) == DATA
    assert once == again
    assert encoding != "gzip" or once[4:8] == bytes(4), "a time stamp (RFC 1952 §2.3.1) would change the entity tag"
    assert encoding == "identity" or len(once) < len(DATA) // 20


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_stream_is_one_stream(encoding: Encoding) -> None:
    stream = compressor(encoding)
    assert stream is not None
    pieces = [stream.compress(DATA[at : at + 1000]) for at in range(0, len(DATA), 1000)]
    assert expand(b"".join(pieces) + stream.flush(), encoding) == DATA


def test_identity_needs_no_stream() -> None:
    assert compressor("identity") is None
