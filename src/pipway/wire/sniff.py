"""What a client speaks, from the first bytes it sends, and how to say no in its own protocol.

The listener asks once for each connection, then hands the transport to whoever speaks that protocol. What is not
enabled is refused with the protocol's own refusal, so that the client's message names the proxy and not the network.
"""

from __future__ import annotations

from enum import Enum


class Speech(Enum):
    """A protocol that can be told from its first byte."""

    HTTP = "http"
    TLS = "tls"
    SOCKS4 = "socks4"
    SOCKS5 = "socks5"


#: None of these is a token character (RFC 9110 §5.6.2), so no HTTP method begins with them.
_FIRST = {0x16: Speech.TLS, 0x04: Speech.SOCKS4, 0x05: Speech.SOCKS5}

#: Fatal handshake_failure (RFC 8446 §6.2) in a record every TLS version can read.
TLS_REFUSAL = b"\x15\x03\x01\x00\x02\x02\x28"
#: Version 0, request rejected (0x5B), port and address ignored.
SOCKS4_REFUSAL = b"\x00\x5b" + bytes(6)
#: No acceptable methods (RFC 1928 §3).
SOCKS5_NO_METHOD = b"\x05\xff"
SOCKS5_NO_LOGIN = b"\x05\x00"
#: Connection not allowed by ruleset (RFC 1928 §6), bound to 0.0.0.0:0.
SOCKS5_REFUSAL = b"\x05\x02\x00\x01" + bytes(6)

_SOCKS4_LIMIT = 8 + 256 + 256  # user id and name, each ended by NUL
_SOCKS5_HEAD = 4


def sniff(data: bytes) -> Speech:
    """Tell the protocol of a connection's first bytes (at least one)."""
    return _FIRST.get(data[0], Speech.HTTP)


class Refusal:
    """Refuses one connection in its own protocol: `feed` what arrives, send what it gives, close when `done`."""

    def __init__(self, speech: Speech) -> None:
        self.done = False
        self._speech = speech
        self._data = b""
        self._greeted = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the client and give those to send (perhaps none yet)."""
        self._data += data
        if self.done:
            return b""
        if self._speech is Speech.SOCKS5:
            return self._socks5()
        if self._speech is Speech.SOCKS4 and self._socks4_incomplete():
            return b""
        self.done = True
        return SOCKS4_REFUSAL if self._speech is Speech.SOCKS4 else TLS_REFUSAL

    def _socks4_incomplete(self) -> bool:
        # A reply before the request is complete would be taken for a broken connection.
        return (len(self._data) < 9 or 0 not in self._data[8:]) and len(self._data) < _SOCKS4_LIMIT

    def _socks5(self) -> bytes:
        if not self._greeted:
            if len(self._data) < 2 or len(self._data) < 2 + self._data[1]:
                return b""
            methods, self._data = self._data[2 : 2 + self._data[1]], self._data[2 + self._data[1] :]
            if 0 not in methods:
                self.done = True
                return SOCKS5_NO_METHOD
            # Only a reply to the request itself can say "not allowed"; 0xFF would be read as a login problem.
            self._greeted = True
            return SOCKS5_NO_LOGIN + self._socks5()
        if len(self._data) < _SOCKS5_HEAD:
            return b""
        self.done = True
        return SOCKS5_REFUSAL
