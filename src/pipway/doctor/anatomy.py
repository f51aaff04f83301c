"""What a proxy tells of its logins before anybody logs in: an NTLM challenge's domain and clock, the Kerberos ticket.

`probes.login` asks. Nothing here is a logon: NTLM's hello holds nothing to judge, and a ticket is no password.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from pipway.dial.base import Target
from pipway.dial.gate import scheme_name
from pipway.dial.negotiate.kerberos import Kerberos
from pipway.doctor.base import Case, Facts
from pipway.doctor.path import direct, parent_of, target_of, trusted
from pipway.errors import PipwayError
from pipway.wire.auth.base import Asked, Challenge, Unusable
from pipway.wire.auth.challenges import parse_challenges
from pipway.wire.auth.ntlm_challenge import HELLO, NtlmChallenge, read_challenge
from pipway.wire.connect import ConnectReader, render_connect
from pipway.wire.proxy_url import ProxyUrl

_TICKET = 6.0  # seconds for the Kerberos library, which has a patience of its own
_KLIST = 2.0  # seconds for reading a file
_WEAK = re.compile(r"(?:DEPRECATED:)?(?:des|arcfour|rc4)")
_SKEW = timedelta(minutes=5)  # Kerberos' own (RFC 4120 §8.2)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What was learned."""

    schemes: str  #: as people write them: "NTLM, Basic"
    challenge: NtlmChallenge | None = None
    ticket: Unusable | None = None  #: why Kerberos cannot be used; None when it can, or nobody wants it
    kerberos: bool = False  #: whether the ticket cache was asked
    encryption: tuple[str, ...] = ()  #: of the tickets, as far as klist tells
    skew: timedelta | None = None  #: this clock minus the proxy's
    service: str = ""  #: the name (SPN) under which Kerberos knows the proxy

    @property
    def says(self) -> str:
        """For a person: "it takes NTLM, for the domain CORP; its clock is 7 minutes behind"."""
        said = [f"it takes {self.schemes}" if self.schemes else "it does not say which login it takes"]
        if self.challenge is not None and self.challenge.domain:
            said.append(f"its domain is {self.challenge.domain}")
        if self.kerberos:
            service = f" ({self.service})" if self.service else ""
            said.append((self.ticket.why if self.ticket else "there is a Kerberos ticket for it") + service)
        if self.encryption:
            weak = [name for name in self.encryption if _WEAK.match(name)]
            said.append(f"the tickets are of {', '.join(self.encryption)}")
            said += [f"{', '.join(weak)} is weak, and newer domain controllers refuse it"] if weak else []
        if self.skew is not None and abs(self.skew) > _SKEW:
            minutes = round(self.skew.total_seconds() / 60)
            said.append(f"this clock is {abs(minutes)} minutes {'ahead of' if minutes > 0 else 'behind'} its own")
        return "; ".join(said)


async def anatomy(case: Case, facts: Facts, proxy: ProxyUrl) -> Anatomy:
    """Ask what can be asked without a logon."""
    offered = {each.scheme for each in facts.offered}
    names = ", ".join(dict.fromkeys(scheme_name(each.scheme) for each in facts.offered))
    challenge, skew, ticket = None, None, None
    encryption: tuple[str, ...] = ()
    if "ntlm" in offered:
        challenge = await _challenged(case, facts, proxy)
        if challenge is not None and challenge.time is not None:
            skew = case.now() - challenge.time
            facts.skew = skew if facts.skew is None else facts.skew
    if "negotiate" in offered:
        ticket = await _ticket(proxy)
        encryption = await _encryption(case)
    return Anatomy(names, challenge, ticket, "negotiate" in offered, encryption, skew, f"HTTP@{proxy.host}")


async def _challenged(case: Case, facts: Facts, proxy: ProxyUrl) -> NtlmChallenge | None:
    """The proxy's answer to an NTLM hello. None when it gives none."""
    hello = f"NTLM {base64.b64encode(HELLO).decode()}"
    try:
        async with asyncio.timeout(case.patience):
            stream = await direct(case, facts).dial(Target(proxy.host, proxy.port))
            try:
                if proxy.scheme == "https":
                    stream = await stream.start_tls(await asyncio.to_thread(trusted, case), proxy.host)
                await stream.write(render_connect(str(target_of(case)), [("Proxy-Authorization", hello)]))
                reader = ConnectReader()
                while True:
                    data = await stream.read()
                    answer = reader.feed(data) if data else reader.eof()
                    if answer is not None:
                        return _first(parse_challenges(_offers(answer.head.headers)))
            finally:
                await stream.aclose()
    except (PipwayError, OSError):  # a time-out is one, too; the login itself says what is wrong
        return None


def _offers(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == b"proxy-authenticate"]


def _first(challenges: Iterable[Challenge]) -> NtlmChallenge | None:
    return next((read_challenge(each.token) for each in challenges if each.scheme == "ntlm" and each.token), None)


def encryption_types(text: str) -> tuple[str, ...]:
    """What `klist -e` says of the tickets: the names of their encryption, each once."""
    lines = re.findall(r"Etype \(skey, tkt\): ([^\n]{1,200})", text)
    return tuple(dict.fromkeys(name.strip() for line in lines for name in line.split(",")))


async def _encryption(case: Case) -> tuple[str, ...]:
    """MIT's klist tells it, GSSAPI does not; nothing where there is none, or no ticket."""
    program = shutil.which("klist", path=case.surroundings.environ.get("PATH", os.defpath))
    if program is None:
        return ()
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    environ = {**case.surroundings.environ, "LC_ALL": "C"}
    process = None
    try:
        process = await asyncio.create_subprocess_exec(program, "-e", env=environ, stdin=null, stdout=pipe, stderr=null)
        async with asyncio.timeout(_KLIST):
            said, _ = await process.communicate()
    except OSError:  # a time-out is one, too
        return ()
    finally:
        if process is not None and process.returncode is None:
            process.kill()
    return encryption_types(said.decode("utf-8", "replace"))


async def _ticket(proxy: ProxyUrl) -> Unusable | None:
    """Why a ticket for the proxy cannot be had from this machine's cache, None when it can."""
    step = Kerberos(parent_of(proxy, all_schemes=True), None).begin(Asked("CONNECT", "index.example:443"))
    try:
        async with asyncio.timeout(_TICKET):
            await asyncio.to_thread(step, None)
    except Unusable as error:
        return error
    except TimeoutError:
        return Unusable("Kerberos: no KDC answers", "check the network or VPN, and /etc/krb5.conf")
    return None
