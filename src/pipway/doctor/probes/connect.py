"""Does the proxy open a tunnel, and if it wants a login, can this client give it?"""

from __future__ import annotations

from urllib.parse import urlsplit

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.dial.gate import scheme_name
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.wire.auth.challenges import parse_challenges
from pipway.wire.connect import Answer, ConnectReader, render_connect


class Connect:
    """Asks for a tunnel without a login first: the answer says which logins are taken."""

    id = "connect"
    title = "the proxy lets this client through"
    needs = ("reach",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        if facts.proxy is None or facts.no_proxy:
            return skipped("no proxy is used")
        parts = urlsplit(case.index)
        target = Target(parts.hostname or "", parts.port or 443)
        answer = await _asked(Target(facts.proxy.host, facts.proxy.port), target, case.patience)
        if answer.tunnel:
            return works(f"it opens a tunnel to {target}")
        facts.offered = tuple(
            parse_challenges(
                value.decode("latin-1") for name, value in answer.head.headers if name == b"proxy-authenticate"
            )
        )
        names = ", ".join(dict.fromkeys(scheme_name(each.scheme) for each in facts.offered))
        if answer.head.status == 407:
            values = {"proxy": f"{facts.proxy.host}:{facts.proxy.port}", "schemes": names, "tool": case.subject.name}
            cause = "proxy-login-required" if "Basic" in names else "proxy-login-unsupported"
            return fails(f"it wants a login: {names}", finding(cause, command=" ".join(case.command), **values))
        return fails(f"it answers {answer.head.status}", finding("proxy-refuses", reason=answer.head.reason))


async def _asked(proxy: Target, target: Target, patience: float) -> Answer:
    stream = await Direct(connect_limit=patience).dial(proxy)
    reader = ConnectReader()
    try:
        await stream.write(render_connect(str(target)))
        while True:
            data = await stream.read()
            answer = reader.feed(data) if data else reader.eof()
            if answer is not None:
                return answer
    finally:
        await stream.aclose()


PROBE = Connect()
