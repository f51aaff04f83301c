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
        folder.chmod(0o711)  # the proxies run as users of their own
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
        rows = [
            ("Basic, squid", basic.url, basic.user, basic.password, ["--basic-in-clear"], {}),
            ("Digest, squid", digest.url, digest.user, digest.password, [], {}),
            ("NTLMv2, squid and winbindd", ntlm.url, ntlm.user, ntlm.password, [], {}),
            ("Kerberos by ticket, squid and a KDC", kerberos.url, "", "", [], kdc.env),
            ("Kerberos by password", kerberos.named(kdc.user), kdc.user, kdc.password, [], kdc.env),
            ("Basic, tinyproxy", tinyproxy.url, tinyproxy.user, tinyproxy.password, ["--basic-in-clear"], {}),
            ("SOCKS 5, microsocks", microsocks.url, microsocks.user, microsocks.password, [], {}),
            ("SOCKS 5, dante", dante.url, dante.user, dante.password, [], {}),
            ("TLS to the parent, stunnel before squid", stunnel.url(basic.user), basic.user, basic.password, [],
             {"PIPWAY_PARENT_CA": str(stunnel.ca)}),
        ]  # fmt: skip
        print("The lab is up. Each parent proxy, and how to go through it; the passwords are the lab's own.\n")
        for title, url, user, password, options, environ in rows:
            print(f"{title}\n  URL {url}" + (f"  user {user}  password {password}" if user else ""))
            given = {**environ, **({"PIPWAY_PARENT_PASSWORD": password} if password else {})}
            words = [*(f"{name}={value}" for name, value in given.items()), "pipway serve --parent", f"'{url}'"]
            print(f"  {' '.join([*words, *options])}\n")
        print("Then: pip install --index-url http://127.0.0.1:3141/simple/ PACKAGE. Ctrl-C stops the lab.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    main()
