"""The words in which a face says what to answer, and the server how to send it.

`web` builds answers, `server` writes them; neither imports the other. An answer's `head` is the status line and
the header lines, each ended by CRLF, *without* Date and without the empty line: the server adds both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol


class Lease:
    """Permission to repeat an answer without asking again, until `until` (monotonic seconds) or revocation."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until

    def revoke(self) -> None:
        """End it now; everyone who holds it must ask again."""
        self.until = float("-inf")


class Source(Protocol):
    """A file being served, complete or still growing. Closed by whoever got it, exactly once."""

    @property
    def size(self) -> int:
        """Total length in bytes, known from the start."""

    def fileno(self) -> int:
        """Descriptor to read from with an explicit offset (`pread`, `sendfile`); never seek it."""

    async def wait(self, beyond: int) -> int:
        """Give how many bytes may be sent from the file's start, once that is more than `beyond` (or is `size`).

        Raises PipwayError when the rest will never come; the connection is then aborted. A growing file holds
        its last byte back until digest and length are verified.
        """

    def close(self) -> None:
        """Give up this reading."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request's head, strictly parsed, and its body (bounded by the server)."""

    method: str
    target: bytes  #: as sent
    path: str  #: origin-form path, still percent-encoded
    query: str  #: without "?"
    headers: tuple[tuple[bytes, bytes], ...]  #: names in lower case, values stripped
    version: str = "1.1"
    peer: str = ""
    body: bytes = b""

    def header(self, name: bytes) -> str | None:
        """Value of a header, several joined with ", " (RFC 9110 §5.3), as latin-1 text."""
        found = [value for key, value in self.headers if key == name]
        return b", ".join(found).decode("latin-1") if found else None


@dataclass(slots=True)
class Prepared:
    """An answer that is bytes already: one look-up, one write. HEAD is the server's business."""

    status: int
    head: bytes
    body: bytes = b""
    lease: Lease | None = None  #: with a lease the server may repeat it for the same request bytes
    outcome: str = "hit"
    close: bool = False  #: end the connection after it


@dataclass(slots=True)
class Slice:
    """Bytes `start` to `start + length` of a source; `head` already says Content-Length (and Content-Range)."""

    status: int
    head: bytes
    source: Source
    start: int
    length: int
    lease: Lease | None = None
    outcome: str = "hit"
    reopen: Callable[[], Source] | None = field(default=None, repr=False)  #: the same source anew, to repeat it


@dataclass(slots=True)
class Streamed:
    """Chunks of unknown total length: chunked to HTTP/1.1 clients, until close to HTTP/1.0."""

    status: int
    head: bytes
    chunks: AsyncIterator[bytes]
    outcome: str = "miss"


Answer = Prepared | Slice | Streamed
