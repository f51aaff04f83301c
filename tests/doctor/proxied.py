"""Cases for the probes of proxies: an installer that is set up with one, and the steps up to its login."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipway.clients.base import Effective, Entry, Setting, Surroundings
from pipway.dial.credentials.base import Credential, key_of
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.doctor.base import Case, Facts, Result, Status, Subject
from pipway.doctor.probes import connect, login, proxy
from pipway.findings import Finding, Place
from pipway.trace import Trace
from pipway.wire.proxy_url import parse_proxy_url


class Kept:
    """Credentials that pipway keeps, by `key_of`."""

    def __init__(self, held: Mapping[str, Credential]) -> None:
        self.held = held

    async def find(self, parent: Parent) -> Credential | None:
        return self.held.get(key_of(parent))


def case(
    folder: Path,
    url: str,
    *,
    index: str = "https://127.0.0.1:1/simple/",
    kept: Mapping[Parent, Credential] = {},
    tool: str = "uv",
    patience: float = 2,
) -> Case:
    """An installer with HTTPS_PROXY, and what pipway remembers in `folder`."""
    entry = Entry(Setting.PROXY, url, "environment", Place("HTTPS_PROXY"), "HTTPS_PROXY")
    subject = Subject(tool, None, {Setting.PROXY: Effective(Setting.PROXY, (url,), (entry,))})
    logins = Logins(
        gate=Gate(Rejections(folder / "logins"), trace=Trace()),
        credentials=Kept({key_of(parent): credential for parent, credential in kept.items()}),
        schemes=schemes,
        trace=Trace(),
    )
    surroundings = Surroundings({}, folder, folder)
    command = ("uv pip install parcel",)
    return Case(
        surroundings, subject, (), index, "parcel", command, logins=logins, accounts=tuple(kept), patience=patience
    )


async def tried(made: Case, facts: Facts | None = None) -> tuple[Facts, list[tuple[str, Result]]]:
    """The steps from the proxy to its login, as `examine` would do them."""
    facts = facts or Facts()
    facts.proxy = parse_proxy_url(made.subject.value(Setting.PROXY))
    results: list[tuple[str, Result]] = []
    for probe in (proxy.PROBE, connect.PROBE, login.PROBE):
        result = await probe.run(made, facts)
        results.append((probe.id, result))
        if result.status is Status.FAILS:
            break
    return facts, results


def found(results: list[tuple[str, Result]]) -> tuple[str, Finding]:
    """The step that fails, and what it found."""
    step, result = results[-1]
    assert result.status is Status.FAILS, results
    return step, result.findings[0]
