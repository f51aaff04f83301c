"""Ways to cut what a peer sends, for the tests of handshakes."""

from __future__ import annotations

from collections.abc import Iterator


def cuttings(transcript: bytes) -> Iterator[list[bytes]]:
    """In one piece, byte by byte, and in two at every place."""
    yield [transcript]
    yield [transcript[at : at + 1] for at in range(len(transcript))]
    for place in range(1, len(transcript)):
        yield [transcript[:place], transcript[place:]]
