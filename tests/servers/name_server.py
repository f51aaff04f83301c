"""A name server over UDP that knows a few names, or never answers; for networks of a test's own."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence

_A, _AAAA = 1, 28
_NO_SUCH_NAME = 3


@contextlib.contextmanager
def name_server(
    names: Mapping[str, Sequence[str]], *, silent: bool = False, port: int = 53, host: str = "127.0.0.1"
) -> Iterator[list[str]]:
    """Answer A and AAAA for `names`, NXDOMAIN for all others. Gives the names that were asked for."""
    asked: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))

        def serve() -> None:
            while True:
                data, peer = sock.recvfrom(4096)
                if not data:
                    return
                name, kind, end = _question(data)
                asked.append(name)
                if not silent:
                    sock.sendto(_answer(data, end, kind, names.get(name)), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            sock.sendto(b"", sock.getsockname())
            thread.join()


def _question(data: bytes) -> tuple[str, int, int]:
    labels, place = [], 12
    while length := data[place]:
        labels.append(data[place + 1 : place + 1 + length].decode("ascii").lower())
        place += 1 + length
    return ".".join(labels), struct.unpack("!H", data[place + 1 : place + 3])[0], place + 5


def _answer(data: bytes, end: int, kind: int, addresses: Sequence[str] | None) -> bytes:
    records = [
        packed
        for text in addresses or ()
        if len(packed := ipaddress.ip_address(text).packed) == {_A: 4, _AAAA: 16}.get(kind)
    ]
    flags = 0x8180 | (_NO_SUCH_NAME if addresses is None else 0)
    head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
    body = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(each)) + each for each in records)
    return head + data[12:end] + body
