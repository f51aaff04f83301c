"""An error as an HTTP answer: the reason in the reason phrase, everything in a problem document (RFC 9457).

pip, pipenv and Poetry print only the reason phrase; uv prints the title and the detail, and only when the content
type is exactly `application/problem+json`. The server calls this for every PipwayError that reaches it.
"""

from __future__ import annotations

import re

import msgspec

from pipway.errors import LoginNeeded, PipwayError, ProtocolError, Unavailable
from pipway.wire import heads
from pipway.wire.answer import Prepared

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_TEXT_LIMIT = 2000

# Seconds. pip and Poetry sleep as long as Retry-After says before each of their five retries: more than this and an
# outage (or offline mode) looks like a hang of minutes instead of an error.
_PATIENCE = 2

#: RFC 9110 §11.6.1 and §11.7.1; Basic with a token as password is what every installer can send (RFC 7617).
_CHALLENGES = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
_CHALLENGE = 'Basic realm="pipway", charset="UTF-8"'


def status_of(error: PipwayError) -> int:
    """The status that `error` is answered with."""
    return error.status if isinstance(error, (ProtocolError, LoginNeeded)) else error.http_status


def reason(error: PipwayError) -> str:
    """`pipway: what; why; fix`, as many of them as fit whole into a reason phrase."""
    text = "pipway: " + error.what
    for part in (error.why, error.fix):
        if part and len(text) + 2 + len(part) <= heads.PHRASE_LIMIT:
            text += "; " + part
    return heads.phrase(text)


def problem(error: PipwayError, *, close: bool = False) -> Prepared:
    """Give the answer for `error`; never cached, never leased, Retry-After where waiting may help."""
    status = status_of(error)
    body = msgspec.json.encode(
        {
            "title": _text(error.what),
            "status": status,
            "detail": _text("; ".join(part for part in (error.why, error.fix) if part)),
            "code": error.code,
            "fix": _text(error.fix),
        }
    )
    fields = [
        ("Content-Type", "application/problem+json"),  # exactly this: with parameters uv ignores the body
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    if isinstance(error, Unavailable):
        fields.append(("Retry-After", str(max(0, min(_PATIENCE, int(error.retry_after))))))  # RFC 9110 §10.2.3
    if isinstance(error, LoginNeeded):
        fields.append((_CHALLENGES[status], _CHALLENGE))
    return Prepared(status, heads.build(status, fields, reason(error)), body, outcome="error", close=close)


def _text(text: str) -> str:
    # uv prints these to a terminal: no control characters, no direction overrides, no walls of text.
    return _CONTROL.sub(" ", text)[:_TEXT_LIMIT]
