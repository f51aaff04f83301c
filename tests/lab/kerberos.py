"""A private MIT KDC: realm PIPWAY.TEST, one person, services as they are asked for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lab.daemon import Daemon, fill

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Kdc(Daemon):
    """`env` is what its clients need in their environment."""

    realm = "PIPWAY.TEST"
    user = "alice@PIPWAY.TEST"
    password = "Kerberos-pw-4713"

    @property
    def env(self) -> dict[str, str]:
        """Configuration and ticket cache; nothing of the machine's own."""
        return {"KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5CCNAME": f"FILE:{self.folder / 'ccache'}"}

    def start(self) -> None:
        """Make the realm and run it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fill("krb5.conf", self.folder / "krb5.conf", port=self.port)
        fill("kdc.conf", self.folder / "kdc.conf", port=self.port, folder=self.folder)
        self._run("kdb5_util", "create", "-r", self.realm, "-s", "-P", "the-masters-own")
        self._admin(f"addprinc +requires_preauth -pw {self.password} alice")
        self.run(["krb5kdc", "-n", "-P", self.folder / "kdc.pid"], self._server_env)

    def keytab(self, principal: str, file: Path) -> Path:
        """A keytab for a service, which is made if need be, or for the person (whose password stays)."""
        if principal == "alice":
            self._admin(f"ktadd -norandkey -k {file} alice")
        else:
            self._admin(f"addprinc -randkey {principal}")
            self._admin(f"ktadd -k {file} {principal}")
        return file

    def outdated(self, person: str, file: Path) -> None:
        """A keytab of somebody new whose password was changed since."""
        self._admin(f"addprinc +requires_preauth -pw before {person}")
        self._admin(f"ktadd -norandkey -k {file} {person}")
        self._admin(f"cpw -pw {self.password} {person}")

    def kinit(self) -> None:
        """Get a ticket into the cache of `env`."""
        self._run("kinit", "alice", env=self.env, text=f"{self.password}\n")

    def kdestroy(self) -> None:
        """Throw the tickets away."""
        (self.folder / "ccache").unlink(missing_ok=True)

    @property
    def failed(self) -> int:
        """Passwords that it judged wrong, by its log."""
        log = self.folder / "kdc.log"
        return log.read_text().count("PREAUTH_FAILED") if log.exists() else 0

    @property
    def _server_env(self) -> dict[str, str]:
        return self.env | {"KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}

    def _admin(self, command: str) -> None:
        self._run("kadmin.local", text=f"{command}\n")  # not as an argument: it may hold a password

    def _run(self, *command: str, env: dict[str, str] | None = None, text: str = "") -> None:
        environ = {**os.environ, "PATH": PATH, **(env or self._server_env)}
        done = subprocess.run(command, env=environ, input=text, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command[0]}: {done.stderr}"
