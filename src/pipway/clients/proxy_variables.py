"""PW707: the proxy variables that do not do what somebody meant, for pip, uv and whoever reads them.

Pure; the clients of pip and uv and doctor call it. Values hold passwords, so a finding names variables, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipway.clients.proxies import corrected, shell_correction, traps
from pipway.findings import Finding, Fix, Place, Severity

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_ID = "PW707"


def findings(environ: Mapping[str, str], *, windows: bool = False) -> list[Finding]:
    """All that is wrong with them. On Windows a variable has no case."""
    found = [finding for name in _set(environ, PROXIES, windows) for finding in of_url(name, environ[name])]
    found += [] if windows else _cases(environ)
    found += _lonely(environ, windows)
    for name in _set(environ, ("no_proxy",), windows):
        found += _exceptions(name, environ[name])
    return found


def of_url(name: str, url: str, place: Place | None = None) -> list[Finding]:
    """What is wrong with one proxy's URL, in a variable or, with `place`, in a file."""
    found = []
    for trap in traps(url):
        severity = Severity.HIGH if trap.severe else Severity.MEDIUM
        if trap.code in {"socks", "no-port"}:
            severity = Severity.LOW
        found.append(
            Finding(_ID, severity, f"the proxy's URL in {name} {trap.what}", _why(trap.code), place or Place(name),
                    fix=_fix(name, url, trap.code, variable=place is None))
        )  # fmt: skip
    return found


def _why(code: str) -> str:
    if code == "https":
        return "with the s missing, tools still ask https:// indexes, through CONNECT"
    if code in {"backslash", "cut", "at", "unencoded", "percent"}:
        return "in a URL, a login's characters other than letters, digits and - . _ ~ are written as %XX"
    if code == "no-password":
        return "a proxy that wants a login answers 407"
    if code == "no-scheme":
        return "pip stops at some of these URLs and guesses at others"
    return ""


def _fix(name: str, url: str, code: str, *, variable: bool) -> Fix | None:
    meant = corrected(url)
    if code == "https":
        commands = (f'export {name}="$(printf %s "${name}" | sed -e \'s|^https:|http:|\')"',) if variable else ()
        return Fix("write http:// unless the proxy is known to speak TLS itself", commands=commands)
    if code == "socks":
        return Fix(
            "install PySocks beside pip, or use the proxy's HTTP port", commands=("python -m pip install PySocks",)
        )
    if code == "no-password":
        return Fix("write the password, too: http://USER:PASSWORD@HOST:PORT, or let pipway log in")
    if code == "no-port":
        return Fix("write the port: http://HOST:PORT")
    if meant is None:
        return Fix("write http://USER:PASSWORD@HOST:PORT, the login percent-encoded; `pipway url` builds it")
    return Fix(
        "write http:// in front" if code == "no-scheme" else "percent-encode the login; `pipway url` does it",
        commands=shell_correction(name, url) if variable else (),
    )


def _set(environ: Mapping[str, str], names: tuple[str, ...], windows: bool) -> Iterator[str]:
    for name in names:
        spellings = (name.upper(),) if windows else (name, name.upper())
        yield from (spelling for spelling in spellings if environ.get(spelling))


def _cases(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in (*PROXIES, "no_proxy"):
        upper = name.upper()
        if name not in environ or upper not in environ or environ[name] == environ[upper]:
            continue
        what = f"{name} and {upper} differ"
        why = f"pip, curl and Python take {name}; uv and Go take {upper}"
        if not environ[name]:
            what = f"{name} is empty and {upper} is not"
            why = f"pip uses no such variable then; uv takes {upper}"
        commands = (f'export {name}="${upper}"',) if environ[upper] else (f"unset {upper}",)
        yield Finding(
            _ID,
            Severity.MEDIUM,
            what,
            why,
            Place(name),
            (Place(upper),),
            Fix("set both to one value", commands=commands),
        )


def _lonely(environ: Mapping[str, str], windows: bool) -> Iterator[Finding]:
    def given(name: str) -> str:
        return next(_set(environ, (name,), windows), "")

    if given("all_proxy"):
        return
    plain, secure = given("http_proxy"), given("https_proxy")
    if plain and not secure:
        both = f'export https_proxy="${plain}" HTTPS_PROXY="${plain}"'
        yield Finding(
            _ID, Severity.MEDIUM, f"{plain} is set and https_proxy is not",
            "indexes are https://, so they are asked without the proxy", Place(plain),
            fix=Fix("set https_proxy, too; its value begins with http:// as well", commands=(both,)),
        )  # fmt: skip
    elif secure and not plain:
        both = f'export http_proxy="${secure}" HTTP_PROXY="${secure}"'
        yield Finding(
            _ID, Severity.LOW, f"{secure} is set and http_proxy is not",
            "what is http:// is asked without the proxy", Place(secure),
            fix=Fix("set http_proxy, too", commands=(both,)),
        )  # fmt: skip


def _exceptions(name: str, value: str) -> Iterator[Finding]:
    """NO_PROXY as requests and uv read it: names, with or without a dot in front, and commas."""
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]

    def finding(what: str, why: str, fix: str, command: str = "") -> Finding:
        commands = (f'export {name}="$(printf %s "${name}" | sed -e \'{command}\')"',) if command else ()
        return Finding(_ID, Severity.MEDIUM, f"{name} {what}", why, Place(name), fix=Fix(fix, commands=commands))

    if any(entry.startswith("*") and entry != "*" for entry in entries):
        yield finding(
            "has an entry like *.corp", "pip and uv know no wildcards, so it matches nothing", "write .corp",
            r"s/\*\././g",
        )  # fmt: skip
    if "*" in entries and len(entries) > 1:
        yield finding(
            "has * among others", "pip takes * for everything only when it stands alone", "write * alone", "s/.*/*/"
        )
    if any("://" in entry or ("/" in entry and not re.fullmatch(r"[0-9a-fA-F.:]+/\d+", entry)) for entry in entries):
        yield finding(
            "has an entry that is a URL", "entries are names of hosts, so it matches nothing", "write the host alone"
        )
    if any(re.fullmatch(r"[^:\[\]/]+:\d+", entry) for entry in entries):
        yield finding(
            "has an entry with a port", "uv never matches it, and pip only if the URL names the port",
            "write the host alone", r"s/:[0-9][0-9]*//g",
        )  # fmt: skip
    if any(re.search(r"[\s;|]", entry) for entry in entries):
        yield finding(
            "has entries that no comma separates",
            "then they are one name",
            "separate them by commas",
            "s/[ ;|][ ;|]*/,/g",
        )
