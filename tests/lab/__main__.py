"""The lab by hand: `make lab` starts every parent proxy, says how to use each, and stops them at Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import tempfile
from pathlib import Path

from tests.lab.kerberos import Kdc
from tests.lab.others import Dante, Microsocks, Stunnel, Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, KerberosSquid, NtlmSquid
from tests.lab.winbind import Winbind


def main() -> None:
    """Start, print, wait, stop."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipway-lab-")))
        basic = stack.enter_context(BasicSquid(folder / "basic"))
        digest = stack.enter_context(DigestSquid(folder / "digest"))
        kdc = stack.enter_context(Kdc(folder / "kdc"))
        kerberos = stack.enter_context(KerberosSquid(folder / "kerberos", kdc))
        ntlm = stack.enter_context(NtlmSquid(folder / "ntlm", stack.enter_context(Winbind(folder / "winbind"))))
        tinyproxy = stack.enter_context(Tinyproxy(folder / "tinyproxy"))
        microsocks = stack.enter_context(Microsocks(folder / "microsocks"))
        dante = stack.enter_context(Dante(folder / "dante"))
        stunnel = stack.enter_context(Stunnel(folder / "stunnel", basic))
        kdc.kinit()
        tickets = " ".join(f"{name}={value}" for name, value in kdc.env.items())
        rows = [
            ("Basic (squid)", basic.url, basic.password, "--basic-in-clear", ""),
            ("Digest (squid)", digest.url, digest.password, "", ""),
            ("NTLMv2 (squid, winbindd)", ntlm.url, ntlm.password, "", ""),
            ("Kerberos, ticket (squid, KDC)", kerberos.url, "", "", tickets),
            ("Kerberos, password", kerberos.url.replace("//", "//alice%40PIPWAY.TEST@"), kdc.password, "", tickets),
            ("Basic (tinyproxy)", tinyproxy.url, tinyproxy.password, "--basic-in-clear", ""),
            ("SOCKS 5 (microsocks)", microsocks.url, microsocks.password, "", ""),
            ("SOCKS 5 (dante)", dante.url, dante.password, "", ""),
            (
                "TLS to the parent (stunnel)",
                stunnel.url(basic.user),
                basic.password,
                "",
                f"PIPWAY_PARENT_CA={stunnel.ca}",
            ),
        ]
        print("The lab is up. Each parent with the command to try it; the passwords are the lab's own.\n")
        for title, url, password, option, environ in rows:
            secret = f"PIPWAY_PARENT_PASSWORD={password} " if password else ""
            print(f"{title}\n  {environ} {secret}pipway serve --parent '{url}' {option}".rstrip() + "\n")
        print("Ctrl-C stops them.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
