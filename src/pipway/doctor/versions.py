"""What the installed version of a client does to this configuration: facts that explain a failure, each with its fix.

Pure; the configuration probe and the conditions of `explain` ask. What pip does by its version is known by
`clients/pip_facts.py`; uv's facts stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipway.clients import pip_facts
from pipway.clients.base import Entry, Setting
from pipway.doctor.base import Case, Suspicion
from pipway.doctor.catalogue import finding
from pipway.doctor.suspects import View, proxy_of
from pipway.findings import Place

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TRUST = frozenset({"tls", "clients"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One of them: the cause that tells of it, and whether it concerns this configuration, on this Python."""

    cause: str
    tool: str
    judge: Callable[[View, str], Mapping[str, str] | None]  #: values for texts; None: it does not hold
    explains: frozenset[str] = frozenset()  #: causes and steps
    quiet: bool = False  #: no word of it while everything works


def facts_of(view: View, case: Case) -> list[Suspicion]:
    """Those that concern this configuration."""
    python = case.subject.installed.python if case.subject.installed else ""
    known = {"tool": view.tool, "version": view.version, "command": " ".join(case.command)}
    found = []
    for fact in FACTS:
        values = fact.judge(view, python) if fact.tool == view.tool and view.version else None
        if values is not None:
            place = {"place": Place(values["variable"])} if "variable" in values else {}
            found.append(Suspicion(finding(fact.cause, **{**known, **values}, **place), fact.explains, fact.quiet))
    return found


def _of_option(entry: Entry | None) -> bool:
    """Whether pip's own option, variable or file names the proxy, so that requests asks no variable any more."""
    return entry is not None and not entry.key.lower().endswith(("http_proxy", "https_proxy", "all_proxy"))


def _secure(view: View) -> bool:
    return urlsplit(view.index).scheme == "https"


def _bundle_lost(view: View, _: str) -> Mapping[str, str] | None:
    """24.1 and later: beside `--proxy` the variables of requests are not read (pypa/pip#10685)."""
    lost = next((each.key for each in view.shadows(Setting.CA) if each.key in _BUNDLES), "")
    if not lost or not _secure(view) or not _of_option(view.entry(Setting.PROXY)) or view.entry(Setting.CA) is not None:
        return None
    return None if pip_facts.reads_ca_variables(view.version, proxy_given=True) else {"variable": lost}


def _ssl_cert_file(view: View, python: str) -> Mapping[str, str] | None:
    """Without truststore pip reads SSL_CERT_FILE at no time."""
    if view.entry(Setting.CA) is not None or not _secure(view) or not view.environ.get("SSL_CERT_FILE"):
        return None
    return None if pip_facts.reads_ssl_cert_file(view.version, python) else {"variable": "SSL_CERT_FILE"}


def _roots_lost(view: View, python: str) -> Mapping[str, str] | None:
    """24.2 to 25.1.1: the system's authorities count without a proxy only (#13288)."""
    concerned = view.version and view.value(Setting.PROXY) and _secure(view) and view.entry(Setting.CA) is None
    able = pip_facts.can_use_system_roots(view.version, python)
    return {} if concerned and able and pip_facts.loses_system_roots_with_proxy(view.version) else None


def _roots_lost_in_builds(view: View, python: str) -> Mapping[str, str] | None:
    """25.0: what builds need is fetched with pip's own roots (#13186)."""
    able = pip_facts.can_use_system_roots(view.version, python)
    concerned = view.version and view.entry(Setting.CA) is None and pip_facts.builds_without_system_roots(view.version)
    return {} if able and concerned else None


def _leg_roots(view: View, _: str) -> Mapping[str, str] | None:
    """Before 26.2: of the TLS leg to the proxy only pip's own roots are believed (#13465)."""
    proxy = proxy_of(view)
    if proxy is None or proxy.scheme != "https" or pip_facts.tls_to_proxy_uses_system_roots(view.version):
        return None
    if pip_facts.loses_system_roots_with_proxy(view.version):  # 24.2 to 25.1.1 believe what OpenSSL finds by itself:
        return None  # on Linux that is the system's store
    return {} if proxy.user else {"proxy": f"https://{proxy.host}:{proxy.port}"}


def _builds_direct(view: View, _: str) -> Mapping[str, str] | None:
    """Before 25.0: `--proxy` of the command line is not told to isolated builds (#6018)."""
    entry = view.entry(Setting.PROXY)
    given = entry is not None and entry.layer == "command line"
    return {} if given and not pip_facts.proxy_reaches_builds(view.version) else None


def _no_resume(view: View, _: str) -> Mapping[str, str] | None:
    """Before 25.2 a download that breaks begins anew, by default (#12991)."""
    return None if pip_facts.resumes(view.version) else {}


def _uv_bundle(view: View, _: str) -> Mapping[str, str] | None:
    """uv has roots of its own, and reads SSL_CERT_FILE alone."""
    if view.entry(Setting.CA) is not None or not _secure(view):
        return None
    named = next((name for name in (*_BUNDLES, "PIP_CERT") if view.environ.get(name)), "")
    return {"variable": named} if named else None


#: The surest first.
FACTS: tuple[Fact, ...] = (
    Fact("ca-variable-lost", "pip", _bundle_lost, _TRUST),
    Fact("ca-variable-not-read", "pip", _ssl_cert_file, _TRUST),
    Fact("ca-variable-not-read", "uv", _uv_bundle, _TRUST, quiet=True),
    Fact("system-roots-lost", "pip", _roots_lost, _TRUST),
    Fact("builds-without-system-roots", "pip", _roots_lost_in_builds),
    Fact("proxy-leg-roots", "pip", _leg_roots),
    Fact("proxy-kept-from-builds", "pip", _builds_direct),
    Fact("download-not-resumed", "pip", _no_resume),
)
