"""Which software answers, from the heads of its answers. Pure."""

from __future__ import annotations

import re

from pipway.wire.responses import Head

#: Names that proxies give themselves in Server, Via or Proxy-Agent.
_PROXIES = re.compile(
    r"(?i)squid|tinyproxy|privoxy|pipway|mitmproxy|zscaler|bluecoat|proxysg|mcafee|skyhigh|forcepoint|websense|fortinet"
    r"|fortigate|ironport|cisco-wsa|sophos|trafficserver|ats/|haproxy|polipo|cntlm|3proxy|webwasher|netskope|burp|envoy"
)
_SIGNS = (b"via", b"proxy-authenticate", b"proxy-agent", b"proxy-connection", b"x-squid-error", b"proxy-status")
_NOT_UNDERSTOOD = (400, 404, 405, 501)
_LONGEST = 60


def software(head: Head) -> str:
    """What it calls itself, "" when it does not say."""
    for name in (b"proxy-agent", b"server"):
        value = head.header(name)
        if value and _PROXIES.search(value):
            return value[:_LONGEST]
    via = head.header(b"via") or ""
    if found := re.search(r"\(([^)]{1,60})\)", via):  # RFC 9110 §7.6.3: a comment names the software
        return found[1]
    if head.header(b"x-squid-error"):
        return "squid"
    if "pipway" in head.reason:
        return "pipway"
    return via.partition(",")[0][:_LONGEST]


def web_server(head: Head, *, clear: bool) -> bool:
    """Whether this is how a web server answers CONNECT: it does not understand, or sends a page."""
    if clear or any(head.header(sign) for sign in _SIGNS) or _PROXIES.search(head.header(b"server") or ""):
        return False
    if head.status in _NOT_UNDERSTOOD:
        return True
    return 200 <= head.status < 300 and (head.header(b"content-type") or "").startswith("text/html")
