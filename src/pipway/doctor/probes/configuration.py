"""Is the configuration sane? What the client reads, which proxy and index come of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipway.clients.base import Setting
from pipway.dial.base import Target
from pipway.dial.route.dialects import matches
from pipway.doctor.base import FAILING, Case, Facts, Result, fails, works
from pipway.redact import redact
from pipway.wire.proxy_url import parse_proxy_url

_DIALECT = {"pip": "requests", "poetry": "requests", "uv": "uv"}


class Configuration:
    """Reads files and variables; asks nobody."""

    id = "configuration"
    title = "the configuration can be used"
    needs: tuple[str, ...] = ()

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        subject = case.subject
        proxy = subject.value(Setting.PROXY)
        if proxy:
            facts.proxy = parse_proxy_url(proxy)
            facts.no_proxy = self._excepted(case)
        says = f"{subject.name} {subject.version} asks {redact(case.index)}".replace("  ", " ")
        if facts.proxy is not None and not facts.no_proxy:
            says += f" through {facts.proxy}"
        findings: tuple = ()  # type: ignore[type-arg]
        return (fails if any(each.severity >= FAILING for each in findings) else works)(says, *findings)

    def _excepted(self, case: Case) -> bool:
        parts = urlsplit(case.index)
        no_proxy = case.subject.value(Setting.NO_PROXY)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        dialect = _DIALECT.get(case.subject.name, "requests")
        return bool(no_proxy) and matches(dialect, no_proxy, Target(parts.hostname or "", port))


PROBE = Configuration()
