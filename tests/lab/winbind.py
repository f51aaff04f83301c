"""winbindd as the judge of NTLMv2 passwords: samba's own, without smbd and without a domain."""

from __future__ import annotations

import contextlib
import grp
import os
import signal
import subprocess
from pathlib import Path

from tests.lab.daemon import Daemon, fill

#: Compiled into winbindd and its clients. Each lab mounts a folder of its own there, for its own processes alone.
SOCKETS = Path("/run/samba/winbindd")


class Winbind(Daemon):
    """A tdbsam user needs a Unix account: `games` exists on Debian."""

    user = "PWSRV\\games"
    password = "Ntlm-pw-4714"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, port=0)

    @property
    def conf(self) -> Path:
        """For ntlm_auth --configfile."""
        return self.folder / "smb.conf"

    def start(self) -> None:
        """Make the account and run it."""
        for name in ("sockets", "private", "lock", "state", "cache", "pid", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        SOCKETS.mkdir(parents=True, exist_ok=True)
        fill("smb.conf", self.conf, folder=self.folder)
        subprocess.run(
            ["pdbedit", "-s", self.conf, "-a", "-t", "-u", "games"],
            input=f"{self.password}\n{self.password}\n",
            text=True,
            capture_output=True,
            check=True,
        )
        script = 'mount --bind "$0" "$1" && exec /usr/sbin/winbindd -s "$2" -F --no-process-group'
        self.run(["unshare", "--mount", "sh", "-c", script, self.folder / "sockets", SOCKETS, self.conf])
        privileged = self.folder / "state" / "winbindd_privileged"
        os.chown(privileged, 0, grp.getgrnam("proxy").gr_gid)  # its clients demand that root owns it
        privileged.chmod(0o750)
        os.chmod(self.folder / "state", 0o755)

    @property
    def inside(self) -> list[str]:
        """What to run a command with, so that it talks to this winbindd."""
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt"]

    def ready(self) -> bool:
        """Whether it answers."""
        if not (self.folder / "sockets" / "pipe").exists():  # before that, its namespace may not be its own yet
            return False
        ping = subprocess.run([*self.inside, "wbinfo", "--ping"], capture_output=True)
        return ping.returncode == 0 and (self.folder / "state" / "winbindd_privileged").exists()

    def stop(self) -> None:
        """End it and what it started."""
        super().stop()
        for pid in self._helpers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _helpers(self) -> list[int]:
        """samba-dcerpcd, which winbindd starts and which outlives it by minutes; known by our configuration's path."""
        found = []
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"--configfile={self.conf}".encode() in arguments.read_bytes().split(b"\0"):
                    found.append(int(arguments.parent.name))
        return found
