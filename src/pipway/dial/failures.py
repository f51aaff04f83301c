"""What went wrong on the way, in words: the operating system's errors to Unavailable with why and fix.

Every dialer and the HTTP client use it, so one failure has one code everywhere. Never names anything secret.
"""

from __future__ import annotations

import errno
import socket
import ssl

from pipway.dial.base import Target
from pipway.errors import PipwayError, Unavailable

#: errno → code, why, fix
_CONNECT: dict[int, tuple[str, str, str]] = {
    errno.ECONNREFUSED: (
        "connection-refused",
        "nothing listens there, or a firewall answers so",
        "check host and port, and whether a proxy is needed to get out",
    ),
    errno.ENETUNREACH: ("network-unreachable", "this machine has no route to it", "check the network or VPN"),
    errno.EHOSTUNREACH: ("host-unreachable", "the network knows no way to it", "check the network or VPN"),
    errno.ECONNRESET: (
        "connection-reset",
        "the other side, or something in between, cut the connection",
        "check whether a proxy is needed to get out",
    ),
    errno.EACCES: ("connection-blocked", "this machine's firewall forbids it", "allow it in the local firewall"),
    errno.EPERM: ("connection-blocked", "this machine's firewall forbids it", "allow it in the local firewall"),
    errno.EMFILE: ("too-many-open-files", "this process has no file descriptor left", "raise its limit: ulimit -n"),
    errno.ENFILE: ("too-many-open-files", "this machine has no file descriptor left", "raise fs.file-max"),
}

#: OpenSSL's verification results (x509_vfy.h) → code, fix
_TRUST: dict[int, tuple[str, str]] = {
    9: ("tls-not-yet-valid", "check this machine's clock"),
    10: ("tls-expired", "the server's owner must renew its certificate; check this machine's clock"),
    62: ("tls-wrong-name", "check the address; the server's certificate is for another name"),
    79: (  # without VERIFY_X509_STRICT, roots of version 1 and such with key usage alone pass
        "tls-invalid-ca",
        "ask whoever issued it for a root with basicConstraints CA:TRUE; trust.strict = false accepts some old roots",
    ),
    64: ("tls-wrong-name", "check the address; the server's certificate is for another address"),
}


#: Verification results that only the strict mode gives (X509_V_FLAG_X509_STRICT; Python 3.13 turns it on): rules of
#: RFC 5280 §4.2 that the certificates of some inspecting proxies break.
_STRICT = range(80, 95)


def connect_timeout(target: Target, seconds: float) -> Unavailable:
    """Nobody answered in time."""
    return Unavailable(
        "connect-timeout",
        f"no connection to {target} within {seconds:g} s",
        why="packets to it get lost, or it is overloaded",
        fix="check the network, and whether a proxy is needed to get out",
    )


def connect_failure(target: Target, error: OSError) -> Unavailable:
    """A connection that could not be opened."""
    if isinstance(error, socket.gaierror):
        return _name_failure(target, error)
    if isinstance(error, TimeoutError):
        return Unavailable(
            "connect-timeout",
            f"no connection to {target}: the operating system gave up",
            why="packets to it get lost",
            fix="check the network, and whether a proxy is needed to get out",
        )
    code, why, fix = _CONNECT.get(error.errno or 0, ("connect-failed", error.strerror or type(error).__name__, ""))
    return Unavailable(code, f"cannot connect to {target}", why=why, fix=fix)


def parent_unreachable(address: str, error: Unavailable) -> Unavailable:
    """The way to a parent proxy failed, whatever lies behind the parent."""
    return Unavailable(
        "parent-unreachable",
        f"the parent proxy {address} cannot be reached",
        why="; ".join(part for part in (error.what, error.why) if part),
        fix="check its address, and the network or VPN",
        retry_after=5,
    )


def _name_failure(target: Target, error: socket.gaierror) -> Unavailable:
    if error.errno == socket.EAI_AGAIN:
        return Unavailable(
            "name-server-unreachable",
            f"cannot look up {target.host}",
            why="no name server answered",
            fix="check the network and its DNS settings; behind a proxy that resolves names, configure that proxy",
        )
    return Unavailable(
        "name-not-found",
        f"there is no host named {target.host}",
        why="the name server does not know it",
        fix="check the spelling; behind a proxy that resolves names, configure that proxy",
    )


def tls_failure(name: str, error: OSError) -> Unavailable:
    """A TLS handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _STRICT:
            return Unavailable(
                "tls-not-strict",
                f"a certificate on the way to {name} breaks a rule of RFC 5280",
                why=f"{error.verify_message}; Python 3.13 and later demand it",
                fix="ask whoever runs the inspecting proxy for a better root; until then trust.strict = false",
            )
        code, fix = _TRUST.get(
            error.verify_code,
            ("tls-not-trusted", "add the root of your organisation or proxy to this machine's trusted certificates"),
        )
        return Unavailable(code, f"the certificate of {name} is not accepted", why=error.verify_message, fix=fix)
    if isinstance(error, ssl.SSLError):
        return Unavailable(
            "tls-failed",
            f"no secure connection to {name}",
            why=(error.reason or "the handshake failed").replace("_", " ").lower(),
            fix="check that the address speaks TLS (https) on this port",
        )
    return Unavailable(
        "tls-failed",
        f"no secure connection to {name}",
        why="the other side ended the connection during the handshake",
        fix="check that the address speaks TLS (https) on this port, and whether a firewall inspects TLS",
    )


def broken_connection(host: str, error: OSError) -> PipwayError:
    """A connection that broke in the middle of an exchange."""
    return Unavailable(
        "connection-reset",
        f"the connection to {host} broke",
        why=error.strerror or "the other side ended it",
        fix="try again; if it persists, something in between cuts long transfers",
    )
