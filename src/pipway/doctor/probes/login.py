"""Which logins does the proxy take, and is ours one of them? At most one logon is made, and none that failed before."""

from __future__ import annotations

from collections.abc import Mapping

from pipway.dial.credentials.base import Credential
from pipway.doctor.anatomy import Anatomy, anatomy
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.logon import Logon, Verdict, kept, log_on
from pipway.doctor.path import adapted, encoded, parent_of, target_of, words
from pipway.findings import Finding
from pipway.wire.proxy_url import ProxyUrl

_REFUSED = "proxy-login-refused"


class Login:
    """Tries what the client itself would send, else what pipway keeps for the proxy."""

    id = "login"
    title = "the proxy accepts our login"
    needs = ("connect",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        proxy = facts.proxy
        if proxy is None or facts.no_proxy:
            return skipped("no proxy is used")
        if proxy.scheme.startswith("socks"):
            return await self._socks(case, facts, proxy)
        if facts.answer is None or facts.answer.head.status != 407:
            return skipped("the proxy wants none")
        known = await anatomy(case, facts, proxy)
        if not proxy.user or not proxy.password:
            return await self._nothing_given(case, facts, proxy, known)
        if "basic" not in {each.scheme for each in facts.offered}:
            says = f"{known.says}; the login in the proxy's URL is of use for Basic alone"
            return fails(says, self._finding(_REFUSED, case, facts, known, no_basic="yes"))
        return await self._own(case, facts, proxy, known)

    async def _own(self, case: Case, facts: Facts, proxy: ProxyUrl, known: Anatomy | None) -> Result:
        """The login in the proxy's URL, as the client sends it."""
        assert proxy.user is not None
        credential = Credential(proxy.user, password=proxy.password, origin="the proxy's URL")
        logon = await log_on(case, facts, parent_of(proxy, user=proxy.user), credential, target_of(case))
        if logon.open is not None:
            facts.open = logon.open
            return works("the login in the proxy's URL is accepted")
        if logon.verdict is Verdict.ACCEPTED and logon.error is not None:
            cause = "proxy-cannot-connect" if logon.error.code == "parent-failed" else "proxy-refuses"
            return fails(logon.says, self._finding(cause, case, facts, known, reason=logon.says))
        if logon.verdict is Verdict.UNKNOWN:
            return fails(logon.says, self._finding("proxy-hangs-up", case, facts, known, reason=logon.says))
        account = f"{encoded(proxy.user)}@{words(case, facts)['proxy']}"
        found = self._finding(_REFUSED, case, facts, known, user=proxy.user, account=account)
        return fails(_judged("the login in the proxy's URL", logon, account), found)

    async def _nothing_given(self, case: Case, facts: Facts, proxy: ProxyUrl, known: Anatomy) -> Result:
        """The client gives no login; is there one that pipway would give?"""
        says = f"{known.says}; {case.subject.name} gives none"
        more: dict[str, str] = {}
        stored = await kept(case, words(case, facts)["proxy"])
        if stored is not None:
            parent, credential = stored
            more["account"] = f"{encoded(credential.user)}@{words(case, facts)['proxy']}"
            logon = await log_on(case, facts, parent, credential, target_of(case))
            says += f"; {_judged(f'the login that pipway keeps ({credential.user})', logon, more['account'])}"
            if logon.verdict in (Verdict.REJECTED, Verdict.BEFORE):
                more["rejected"] = "yes"
        return fails(says, self._finding("proxy-login-required", case, facts, known, **more))

    async def _socks(self, case: Case, facts: Facts, proxy: ProxyUrl) -> Result:
        if proxy.user and proxy.password:
            return await self._own(case, facts, proxy, None)
        logon = await log_on(case, facts, parent_of(proxy), Credential(""), target_of(case))
        if logon.open is not None:
            facts.open = logon.open
            return works("the SOCKS proxy wants no login")
        code = logon.error.code if logon.error else ""
        cause = {"login-required": "proxy-login-required", "parent-forbids": "proxy-refuses"}.get(
            code, "proxy-cannot-connect"
        )
        return fails(logon.says, self._finding(cause, case, facts, None, reason=logon.says))

    def _finding(self, cause: str, case: Case, facts: Facts, known: Anatomy | None, **more: str) -> Finding:
        return adapted(finding(cause, **words(case, facts), **_values(facts, known), **more), case, facts)


def _judged(what: str, logon: Logon, account: str) -> str:
    match logon.verdict:
        case Verdict.ACCEPTED:
            return f"{what} is accepted"
        case Verdict.BEFORE:
            return (
                f"{what} was rejected before and is not sent again; "
                f"pipway doctor --try-login, or pipway credentials retry {account}, allows it"
            )
        case _:
            return f"{what} is not accepted: {logon.says}"


def _values(facts: Facts, known: Anatomy | None) -> Mapping[str, str]:
    """What decides among the remedies."""
    if known is None:
        return {}
    offered = {each.scheme for each in facts.offered}
    found = {"schemes": known.schemes}
    if offered == {"negotiate"}:
        found["kerberos"] = "yes"
        if known.ticket is not None:
            found["no_ticket"] = known.ticket.why
    if not offered & {"negotiate", "ntlm", "digest"} and facts.proxy is not None and facts.proxy.scheme == "http":
        found["basic_in_clear"] = "yes"
    if known.challenge is not None and known.challenge.domain:
        found["domain"] = encoded(known.challenge.domain)
    return found


PROBE = Login()
