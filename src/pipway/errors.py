"""Errors that carry the fix.

Every layer raises these; the faces render them and nobody else does. A subclass exists only where
someone catches it differently, so the hierarchy stays shallow. This module imports nothing of pipway.
"""

from __future__ import annotations

from typing import ClassVar


class PipwayError(Exception):
    """What happened, why, and what to do about it.

    `code` is a stable kebab-case name a person can search for. None of the texts may hold a secret.
    `http_status` is what a server face answers, `exit_code` what the command line returns.
    """

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return "; ".join(part for part in (self.what, self.why, self.fix) if part)


class UsageError(PipwayError):
    """The caller's input is wrong: a setting, an argument, a request."""

    http_status = 400
    exit_code = 2


class NotFound(PipwayError):
    """The upstream itself said that this does not exist. Never raised because something failed."""

    http_status = 404


class Refused(PipwayError):
    """A rule forbids it."""

    http_status = 403


class LoginNeeded(Refused):
    """This server wants to know who asks: 407 as a proxy (RFC 9110 §15.5.8), 401 as an origin (§15.5.2)."""

    http_status = 407

    def __init__(self, code: str, what: str, *, status: int = 407, why: str = "", fix: str = "") -> None:
        super().__init__(code, what, why=why, fix=fix)
        self.status = status


class Unavailable(PipwayError):
    """It may exist but cannot be had now: outage, offline mode, open circuit.

    `retry_after` is in seconds and becomes the Retry-After header (RFC 9110 §10.2.3).
    """

    http_status = 503

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "", retry_after: int = 30) -> None:
        super().__init__(code, what, why=why, fix=fix)
        self.retry_after = retry_after


class NoWayOut(Unavailable):
    """A parent proxy refuses us, or no configured way leads out: only a person can change that.

    What is stored is still served. Answered 502, so that installers print the reason and give up soon.
    """

    http_status = 502

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(code, what, why=why, fix=fix, retry_after=1)


class BadUpstream(PipwayError):
    """The other side answered, and the answer is unusable: wrong digest, broken page, bad framing."""

    http_status = 502


class ProtocolError(PipwayError):
    """A client's bytes break the protocol; `status` is the answer it gets before the connection closes."""

    http_status = 400

    def __init__(self, code: str, what: str, *, status: int = 400, why: str = "", fix: str = "") -> None:
        super().__init__(code, what, why=why, fix=fix)
        self.status = status
