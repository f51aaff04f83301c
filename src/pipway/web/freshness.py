"""What a client asks of freshness, and what we tell it: Cache-Control, Age and Warning of index pages.

Pure; called by `web.simple`.
"""

from __future__ import annotations

import re
from datetime import datetime

from pipway.wire.answer import Request

#: A policy change or a release becomes visible to a caching client after this many seconds at the latest.
CLIENT_MAX_AGE = 60

FRESH = f"max-age={CLIENT_MAX_AGE}"
#: A page that could not be revalidated is usable now and must be asked for again next time.
STALE = "no-cache"

_PIP = re.compile(r"pip/(\d{1,4})\.(\d{1,4})")
_FIRST_CACHING_PIP = (26, 2)


def wants_recheck(request: Request) -> bool:
    """Whether a person asked for the newest state: no-cache, or max-age=0 (RFC 9111 §5.2.1).

    pip before 26.2 writes `Cache-Control: max-age=0` on *every* page request because it does not trust caches with
    pages. That is a habit, not a wish; obeying it would turn every install into upstream requests. Since 26.2 pip sends
    it only for `--refresh-package`, and uv sends `no-cache` only for `--refresh` and `--upgrade`.
    """
    control = request.header(b"cache-control")
    if control is None:
        return "no-cache" in (request.header(b"pragma") or "").lower()  # RFC 9111 §5.4, for HTTP/1.0 clients
    directives = {part.strip().lower().replace('"', "") for part in control.split(",")}
    if "no-cache" in directives:
        return True
    return "max-age=0" in directives and not _always_says_so(request.header(b"user-agent") or "")


def _always_says_so(client: str) -> bool:
    match = _PIP.match(client)
    return match is not None and (int(match[1]), int(match[2])) < _FIRST_CACHING_PIP


def stale_fields(fetched: datetime | None, now: datetime) -> tuple[tuple[str, str | None], ...]:
    """The fields that tell of an outage: Age (seconds since the upstream last confirmed it) and Warning 111.

    Warning is obsolete (RFC 9111 §5.5) and ignored by installers, and still what a person with curl understands.
    """
    age = None if fetched is None else str(max(0, int((now - fetched).total_seconds())))
    return ("Age", age), ("Warning", '111 pipway "Revalidation Failed"')
