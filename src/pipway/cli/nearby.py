"""A pipway that runs already: found at the settings' address, asked what it offers, and what it did meanwhile.

`pipway run` uses it, and `offer` for one of its own, too (`cli.own`).
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from pipway.cli.bundle import write
from pipway.cli.tally import between, refusal
from pipway.clients.environment import Server
from pipway.errors import UsageError
from pipway.settings import Settings

_ANSWER_SECONDS = 2.0  # a busy server on this machine answers in milliseconds
_LARGEST = 4 * 2**20


def running(settings: Settings) -> Nearby | None:
    """The pipway at the settings' address; None when nobody answers there, somebody else, or one that wants a login."""
    host, port = settings.server.listen
    if not port:
        return None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  (recognised, not bound)
    url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    try:
        facts, metrics = health(url), _metrics(url)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return Nearby(url, facts, metrics, settings)


def health(url: str) -> Mapping[str, Any]:
    """What a pipway says of itself. OSError, ValueError, HTTPException when this is none."""
    facts = json.loads(_get(url, "/health", {200, 503}))
    if not isinstance(facts, dict) or not {"status", "version", "failing_upstreams"} <= facts.keys():
        raise ValueError("this is no pipway")
    return facts


def offer(url: str, facts: Mapping[str, Any], settings: Settings, via: str) -> Server:
    """What of the pipway at `url` a command shall use. UsageError when that is not to be had."""
    proxy = facts.get("forward") is True
    if via == "proxy" and not proxy:
        raise UsageError(
            "no-proxy-here",
            f"the pipway at {url} is no proxy",
            fix="leave --via proxy out, or switch forward.enabled on",
        )
    proxy = proxy and via != "index"
    extra = [*settings.trust.extra_ca]
    if facts.get("intercept") is True:
        extra.append(settings.data / "ca.pem")
    bundle = str(write(settings.data / "ca-bundle.pem", extra, os.environ)) if proxy and extra else None
    return Server(url, index=via != "proxy", proxy=proxy, bundle=bundle)


class Nearby:
    """A pipway that runs already, and serves others, too."""

    def __init__(self, url: str, facts: Mapping[str, Any], metrics: Mapping[str, float], settings: Settings) -> None:
        self._url, self._facts, self._before, self._settings = url, facts, metrics, settings
        self._began = datetime.now(UTC)

    def offer(self, via: str) -> Server:
        """See `offer`."""
        return offer(self._url, self._facts, self._settings, via)

    def summary(self) -> list[str]:
        """What it did since."""
        try:
            return between(self._before, _metrics(self._url), self._refusals)
        except (OSError, ValueError, http.client.HTTPException):
            return [f"the pipway at {self._url} answers no more"]

    def _refusals(self) -> list[str]:
        """What was refused since, as far as it remembers; nothing when it does not say."""
        found: list[tuple[datetime, str]] = []
        try:
            for outcome in ("refused", "error"):
                for entry in json.loads(_get(self._url, f"/live/har?outcome={outcome}", {200}))["log"]["entries"]:
                    when = datetime.fromisoformat(entry["startedDateTime"])
                    if when >= self._began and entry["_face"] != "pages":
                        target = entry["request"]["url"].removeprefix(self._url.rstrip("/")).removeprefix("tcp://")
                        status, why = entry["response"]["status"], entry["response"]["statusText"]
                        found.append((when, refusal(status, target, why)))
        except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException):
            return []
        return [text for _, text in sorted(found)]


_SAMPLES = {
    "pipway_traffic_total": "requests",
    "pipway_traffic_bytes_total": "bytes",
    "pipway_upstream_requests_total": "upstream",
}


def _metrics(url: str) -> dict[str, float]:
    """Sums of requests, of their bytes and of what went upstream, also by outcome; without pages for people."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(_get(url, "/metrics", {200}).decode()):
        for sample in family.samples:
            name = _SAMPLES.get(sample.name)
            if name is not None and sample.labels.get("face") != "pages":
                for key in (name, f"{name}:{sample.labels.get('outcome', '')}"):
                    sums[key] = sums.get(key, 0) + sample.value
    return sums


def _get(url: str, path: str, statuses: Collection[int]) -> bytes:
    """A small answer. OSError, HTTPException; ValueError for another status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status not in statuses:
            raise ValueError(f"status {answer.status}")
        return answer.read(_LARGEST)
    finally:
        connection.close()
