"""What listens where the proxy should be, and does it speak what its URL says?"""

from __future__ import annotations

import asyncio

from pipway.clients.here import running
from pipway.dial.base import Stream, Target
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.path import adapted, direct, encoded, knock, speaks_tls, target_of, trusted, words
from pipway.doctor.software import software, web_server
from pipway.errors import BadUpstream, PipwayError, Unavailable
from pipway.wire.auth.challenges import parse_challenges
from pipway.wire.connect import Answer, ConnectReader, render_connect
from pipway.wire.proxy_url import ProxyUrl
from pipway.wire.responses import Head, ResponseReader, render_request

#: With a login and without: some close when they want one, and some when they do not (RFC 1928 §3).
_SOCKS5 = (b"\x05\x02\x00\x02", b"\x05\x01\x00")
_SOCKS4 = b"\x04\x01\x00\x01\x7f\x00\x00\x01\x00"  # a connection to port 1 of its own machine
_PYSOCKS = "import socks"


class _NoHttp(Exception):
    """Something else answered."""


class Proxy:
    """Asks for the tunnel that the subject would ask for, without a login; what is no HTTP is asked what it is."""

    id = "proxy"
    title = "what listens there is a proxy"
    needs = ("reach",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        proxy = facts.proxy
        if proxy is None or facts.no_proxy:
            return skipped("no proxy is used")
        if proxy.scheme.startswith("socks"):
            return await self._socks(case, facts, proxy)
        try:
            facts.answer = await self._asked(case, facts, proxy)
        except TimeoutError:
            return await self._not_http(case, facts, proxy, "proxy-silent", "it takes the connection and says nothing")
        except (_NoHttp, OSError, PipwayError) as error:
            why = str(error) if isinstance(error, PipwayError) else "it ends the connection without an answer"
            return await self._not_http(case, facts, proxy, "proxy-hangs-up", why)
        head = facts.answer.head
        facts.software = software(head)
        facts.offered = tuple(
            parse_challenges(value.decode("latin-1") for name, value in head.headers if name == b"proxy-authenticate")
        )
        said = f"{head.status} {head.reason}".strip()
        if web_server(head, clear=target_of(case).clear):
            cause = finding("not-a-proxy", reason=said, server=head.header(b"server") or "", **words(case, facts))
            return fails(f"a web server answers: {said}", cause)
        return works(f"an HTTP proxy answers{f' ({facts.software})' if facts.software else ''}")

    async def _asked(self, case: Case, facts: Facts, proxy: ProxyUrl) -> Answer:
        async with asyncio.timeout(case.patience):
            stream = await direct(case, facts).dial(Target(proxy.host, proxy.port))
            try:
                if proxy.scheme == "https":
                    stream = await stream.start_tls(await asyncio.to_thread(trusted, case), proxy.host)
                return await asked(stream, target_of(case), case.index)
            finally:
                await stream.aclose()

    async def _not_http(self, case: Case, facts: Facts, proxy: ProxyUrl, cause: str, says: str) -> Result:
        """It did not answer as an HTTP proxy: what is it?"""
        target = Target(proxy.host, proxy.port)
        known = words(case, facts)
        match await _speaks(case, facts, target), proxy.scheme:
            case "http", "https":
                return fails("it speaks HTTP without TLS", finding("https-scheme-for-plain-proxy", **known))
            case "tls", "https":
                untrusted = finding("proxy-certificate-untrusted", reason=says, **known)
                return fails(f"its certificate is not accepted: {says}", untrusted)
            case "tls", _:
                return fails("it speaks TLS", finding("proxy-speaks-tls", **known))
            case ("4" | "5") as version, _:
                return self._other_version(case, facts, version)
        return fails(says, finding(cause, reason=says, **known))

    def _other_version(self, case: Case, facts: Facts, version: str) -> Result:
        other = "socks5h" if version == "5" else "socks4a"
        found = adapted(finding("proxy-speaks-socks", socks=other, **words(case, facts)), case, facts)
        return fails(f"it speaks SOCKS {version}", found)

    async def _socks(self, case: Case, facts: Facts, proxy: ProxyUrl) -> Result:
        known = words(case, facts)
        if case.subject.name == "pip" and not await asyncio.to_thread(_has_pysocks, case):
            if proxy.user:
                known |= {"user": proxy.user, "account": f"{encoded(proxy.user)}@{known['proxy']}"}
            return fails("this pip has no PySocks", adapted(finding("socks-without-pysocks", **known), case, facts))
        target = Target(proxy.host, proxy.port)
        speaks = await _speaks(case, facts, target)
        if speaks == proxy.scheme[5]:
            return works(f"a SOCKS {speaks} proxy answers")
        if speaks in ("4", "5"):
            return self._other_version(case, facts, speaks)
        if speaks == "http":
            return fails("it speaks HTTP", finding("socks-scheme-for-http-proxy", **known))
        says = "it does not answer as a SOCKS proxy"
        return fails(says, finding("proxy-hangs-up", reason=says, **known))


async def asked(stream: Stream, target: Target, url: str) -> Answer:
    """The answer to the first request: for a tunnel, or of absolute form for an index without TLS. _NoHttp."""
    if target.clear:
        login_free = f"http://{target}/{url.partition('://')[2].partition('/')[2]}"
        await stream.write(render_request("GET", login_free, str(target), [("Accept", "*/*"), ("Connection", "close")]))
        return await _answer(stream, ResponseReader("GET"))
    await stream.write(render_connect(str(target)))
    return await _answer(stream, ConnectReader())


async def _answer(stream: Stream, reader: ConnectReader | ResponseReader) -> Answer:
    beginning = b""
    while True:
        data = await stream.read()
        beginning = (beginning + data)[:5]
        if not b"HTTP/".startswith(beginning):
            raise _NoHttp
        try:
            found = reader.feed(data) if data else reader.eof()
        except (BadUpstream, Unavailable):
            raise _NoHttp from None
        if isinstance(found, Answer):
            return found
        head = next((event for event in found or () if isinstance(event, Head)), None)
        if head is not None:
            return Answer(head, reusable=False)


async def _speaks(case: Case, facts: Facts, target: Target) -> str:
    """http, tls, "5" or "4" for SOCKS, or "": it is asked in all these ways at once, and one of them it answers."""

    async def http() -> str:
        said = await _said(case, facts, target, render_connect(str(target_of(case))))
        return "http" if said.startswith(b"HTTP/") else ""

    async def tls() -> str:
        return "tls" if await speaks_tls(case, facts, target) else ""

    async def socks5(hello: bytes) -> str:
        return "5" if (await _said(case, facts, target, hello)).startswith(b"\x05") else ""

    async def socks4() -> str:
        said = await _said(case, facts, target, _SOCKS4)
        return "4" if len(said) >= 8 and said[0] == 0 and said[1] in range(90, 94) else ""

    asking = [asyncio.create_task(each) for each in (http(), tls(), *map(socks5, _SOCKS5), socks4())]
    try:
        for done in asyncio.as_completed(asking):
            if found := await done:
                return found
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return ""


async def _said(case: Case, facts: Facts, target: Target, data: bytes) -> bytes:
    try:
        return await knock(case, facts, target, data)
    except (PipwayError, OSError):  # a time-out is one, too
        return b""


def _has_pysocks(case: Case) -> bool:
    """Whether the Python that runs the subject's pip can import it. True when that Python is not known."""
    installed = case.subject.installed
    if installed is None or len(installed.command) < 3 or installed.command[1] != "-m":
        return True
    return running(case.surroundings, (installed.command[0], "-c", f"{_PYSOCKS}; print('yes')")).strip() == "yes"


PROBE = Proxy()
