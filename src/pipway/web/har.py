"""Requests as an HTTP Archive (HAR 1.2), for browsers' developer tools and other viewers; `live` offers it.

Only what is shown anyway is written: no header fields but the tool's name, no bodies. Fields of our own begin with an
underscore, as the format demands.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from pipway import __version__
from pipway.web.traffic import Entry

_FIELDS = 200  # of a query


def archive(entries: Iterable[Entry], base: str) -> bytes:
    """The archive of these requests, oldest first; `base` is this server's address, without a final slash."""
    log = {
        "version": "1.2",
        "creator": {"name": "pipway", "version": __version__},
        "entries": [_entry(entry, base) for entry in entries],
    }
    return msgspec.json.encode({"log": log})


def _entry(entry: Entry, base: str) -> dict[str, Any]:
    total = entry.seconds * 1000
    wait = total if entry.first is None else min(entry.first * 1000, total)
    if entry.outcome == "tunnel":  # its seconds begin when it stands
        wait, total = (entry.first or 0.0) * 1000, total + (entry.first or 0.0) * 1000
    begun = datetime.fromtimestamp(max(0.0, entry.ended - total / 1000), UTC)
    found: dict[str, Any] = {
        "startedDateTime": begun.isoformat(timespec="milliseconds"),
        "time": round(total, 3),
        "request": _request(entry, base),
        "response": _response(entry),
        "cache": {},
        "timings": {"send": 0, "wait": round(wait, 3), "receive": round(total - wait, 3)},
        "_id": entry.id,
        "_client": entry.peer,
        "_face": entry.face,
        "_outcome": entry.outcome,
        "_route": entry.route,
    }
    return found | ({"comment": entry.reason} if entry.reason else {})


def _request(entry: Entry, base: str) -> dict[str, Any]:
    query = entry.target.partition("?")[2]
    agent = f"{entry.tool}/{entry.version}" if entry.version else entry.tool
    return {
        "method": entry.method,
        "url": _url(entry, base),
        "httpVersion": "HTTP/1.1" if entry.face != "socks" else entry.method,
        "cookies": [],
        "headers": [{"name": "User-Agent", "value": agent}] if agent else [],
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True)[:_FIELDS]
        ],
        "headersSize": -1,
        "bodySize": -1,
    }


def _response(entry: Entry) -> dict[str, Any]:
    return {
        "status": entry.status,
        "statusText": entry.reason,
        "httpVersion": "HTTP/1.1" if entry.face != "socks" else entry.method,
        "cookies": [],
        "headers": [],
        "content": {"size": entry.sent, "mimeType": ""},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": entry.sent,
    }


def _url(entry: Entry, base: str) -> str:
    if entry.target.startswith("/"):
        return base + entry.target
    if "://" in entry.target:
        return entry.target
    return f"tcp://{entry.target}" if ":" in entry.target else f"{base}/"
