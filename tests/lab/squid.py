"""squid as the corporate proxy: without a login, with Basic, Digest, Kerberos, or real NTLMv2 verified by winbindd."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.daemon import Daemon, fill, own, private_folder
from tests.lab.kerberos import Kdc
from tests.lab.winbind import Winbind

HELPERS = Path("/usr/lib/squid")

_WRAPPER = """#!/usr/bin/python3
import subprocess, sys
with subprocess.Popen({command!r}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as helper:
    for line in helper.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        with open({log!r}, "ab") as log:
            log.write(line.split(None, 1)[0] + b"\\n")
"""


class Squid(Daemon):
    """Base: lets everybody through. `user` and `password` are those it takes."""

    user = ""
    password = ""
    env: dict[str, str] = {}  # noqa: RUF012  (subclasses replace it as a whole)
    inside: Sequence[str] = ()  #: a command to run it with
    rules = ""  #: its http_access lines, where they are not the usual ones

    def start(self) -> None:
        """Write its configuration and run it."""
        private_folder(self.folder, "proxy")
        (self.folder / "hosts").write_text("127.0.0.1 localhost index.example files.example\n")
        auth = self.auth()
        access = "acl authed proxy_auth REQUIRED\nhttp_access allow authed\nhttp_access deny all"
        if not auth:
            access = "http_access allow all"
        access = self.rules or access
        conf = fill(
            "squid.conf", self.folder / "squid.conf", port=self.port, folder=self.folder, auth=auth, access=access
        )
        self.run([*self.inside, "squid", "-N", "-n", f"lab{self.port}", "-f", conf], self.env)

    def stop(self) -> None:
        """At once: in order it takes two seconds, and has nothing to save. Its helpers end with it."""
        self.kill()

    def auth(self) -> str:
        """The auth_param lines."""
        return ""

    @property
    def url(self) -> str:
        """For --parent, without the password."""
        user = self.user.replace("\\", "%5C").replace("@", "%40")
        return f"http://{f'{user}@' if user else ''}localhost:{self.port}"

    @property
    def access(self) -> list[str]:
        """Its access log."""
        log = self.folder / "access.log"
        return log.read_text(errors="replace").splitlines() if log.exists() else []

    @property
    def let_through(self) -> int:
        """Requests and tunnels that it served."""
        return sum("_TUNNEL/200" in line or "TCP_MISS/" in line for line in self.access)

    @property
    def logons(self) -> tuple[int, int]:
        """Credentials that were judged: good and bad ones."""
        raise NotImplementedError


class BasicSquid(Squid):
    """With basic_ncsa_auth behind a wrapper that counts what squid asks it."""

    user, password = "alice", "Basic-pw-4711"

    def auth(self) -> str:
        file = self.folder / "passwords"
        # htpasswd's apr1 needs a program of its own; openssl is everywhere.
        made = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"],
            input=f"{self.password}\n",
            capture_output=True,
            text=True,
            check=True,
        )
        file.write_text(f"{self.user}:{made.stdout}")
        own(file, "proxy")
        helper = counting(self.folder, f"{HELPERS}/basic_ncsa_auth {file}")
        return f"auth_param basic program {helper}\nauth_param basic children 2\nauth_param basic realm pipway"

    @property
    def logons(self) -> tuple[int, int]:
        return verdicts(self.folder, "OK", "ERR")


class PeopleSquid(BasicSquid):
    """Basic for people whose logins are hard to write into a URL."""

    people: Mapping[str, str] = {
        "alice": "Sign@pw-4721",
        "bob": "Hash#pw-4722",
        "CORP\\carol": "Back-pw-4723",
    }

    def auth(self) -> str:
        told = super().auth()
        lines = []
        for user, password in self.people.items():
            command = ["openssl", "passwd", "-apr1", "-stdin"]
            made = subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, check=True)
            lines.append(f"{user.lower()}:{made.stdout}")  # squid makes names lower case
        file = self.folder / "passwords"
        file.write_text("".join(lines))
        own(file, "proxy")
        return told

    def raw(self, user: str) -> str:
        """The proxy's URL as people write it."""
        return f"http://{user}:{self.people[user]}@localhost:{self.port}"


class FencedSquid(Squid):
    """Goes out, and not back to this machine."""

    rules = "http_access deny to_localhost\nhttp_access allow all"


class DigestSquid(Squid):
    """With digest_file_auth: MD5, qop=auth. squid checks the answers itself; a wrong one is a refusal with a name."""

    user, password = "alice", "Digest-pw-4712"

    def auth(self) -> str:
        digest = hashlib.md5(f"{self.user}:pipway:{self.password}".encode()).hexdigest()
        file = self.folder / "passwords"
        file.write_text(f"{self.user}:pipway:{digest}\n")
        own(file, "proxy")
        return (
            f"auth_param digest program {HELPERS}/digest_file_auth -c {file}\n"
            "auth_param digest children 2\nauth_param digest realm pipway"
        )

    @property
    def logons(self) -> tuple[int, int]:
        """By the access log: who is known there was let in; a refusal that names a user was a wrong answer."""
        named = [line for line in self.access if f" {self.user} " in line]
        bad = sum("TCP_DENIED/407" in line for line in named)
        return len(named) - bad, bad


class KerberosSquid(Squid):
    """With negotiate_kerberos_auth and a keytab of the lab's KDC."""

    def __init__(self, folder: Path, kdc: Kdc) -> None:
        super().__init__(folder)
        self.kdc = kdc
        self.env = kdc.env

    def named(self, user: str) -> str:
        """For --parent, with a user."""
        return self.url.replace("//", f"//{user.replace('@', '%40')}@")

    def auth(self) -> str:
        keytab = self.kdc.keytab("HTTP/localhost", self.folder / "http.keytab")
        own(keytab, "proxy")
        helper = counting(self.folder, f"{HELPERS}/negotiate_kerberos_auth -k {keytab} -s HTTP/localhost@PIPWAY.TEST")
        name = "auth_param negotiate"
        return f"{name} program {helper}\n{name} children 2\n{name} keep_alive on"

    @property
    def logons(self) -> tuple[int, int]:
        return verdicts(self.folder, "OK", "ERR")


class NtlmSquid(Squid):
    """With ntlm_auth and winbindd."""

    def __init__(self, folder: Path, winbind: Winbind) -> None:
        super().__init__(folder)
        self.winbind = winbind
        self.user, self.password = winbind.user, winbind.password
        self.inside = winbind.inside

    def auth(self) -> str:
        helper = counting(
            self.folder,
            f"/usr/bin/ntlm_auth --configfile={self.winbind.conf} --helper-protocol=squid-2.5-ntlmssp",
        )
        return f"auth_param ntlm program {helper}\nauth_param ntlm children 6\nauth_param ntlm keep_alive on"

    @property
    def logons(self) -> tuple[int, int]:
        return verdicts(self.folder, "AF", "NA")


def counting(folder: Path, command: str) -> Path:
    """A helper program that passes everything on and notes the first word of each answer, nothing secret."""
    log, script = folder / "verdicts", folder / "helper"
    log.touch()
    own(log, "proxy")
    script.write_text(_WRAPPER.format(command=command.split(), log=str(log)))
    script.chmod(0o755)
    return script


def verdicts(folder: Path, good: str, bad: str) -> tuple[int, int]:
    """How many answers of each kind the helper gave."""
    words = (folder / "verdicts").read_text().split()
    return words.count(good), words.count(bad)
