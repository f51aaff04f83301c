"""A wire tap in front of a parent that does not count logons itself: what clients sent is what they tried."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Tap:
    """Relays to a port on loopback and keeps the first bytes that each connection's client sent."""

    _KEPT = 65536

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._said: list[bytearray] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def sent(self, words: bytes) -> int:
        """How often clients sent these bytes."""
        with self._lock:
            return sum(said.count(words) for said in self._said)

    @property
    def connections(self) -> int:
        """How many clients came."""
        with self._lock:
            return len(self._said)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                said = bytearray()
                with self._lock:
                    self._said.append(said)
                threading.Thread(target=self._serve, args=(client, said), daemon=True).start()

    def _serve(self, client: socket.socket, said: bytearray) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as server:
            with self._lock:
                self._open |= {client, server}
            up = threading.Thread(target=self._carry, args=(client, server, said), daemon=True)
            up.start()
            self._carry(server, client, None)
            up.join()
            with self._lock:
                self._open -= {client, server}

    def _carry(self, source: socket.socket, target: socket.socket, said: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if said is not None and len(said) < self._KEPT:
                    with self._lock:
                        said += data
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
