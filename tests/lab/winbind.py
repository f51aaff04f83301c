"""winbindd alone on this machine, as the judge of NTLMv2 passwords: samba's own, without a domain."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import signal
import subprocess
from pathlib import Path
from typing import IO

from tests.lab.daemon import Daemon, fill

#: Compiled into winbindd and its clients: there can be one on a machine.
SOCKETS = Path("/run/samba/winbindd")
_LOCK = Path("/run/lock/pipway-lab-winbind")


class Winbind(Daemon):
    """A tdbsam user needs a Unix account: `games` exists on Debian."""

    user = "PWSRV\\games"
    password = "Ntlm-pw-4714"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, port=0)
        self._lock: IO[str] | None = None

    @property
    def conf(self) -> Path:
        """For ntlm_auth --configfile."""
        return self.folder / "smb.conf"

    def start(self) -> None:
        """Wait until no other test run uses winbindd here, then run ours."""
        self._lock = _LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for name in ("private", "lock", "state", "cache", "pid", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        SOCKETS.mkdir(parents=True, exist_ok=True)
        (SOCKETS / "pipe").unlink(missing_ok=True)
        fill("smb.conf", self.conf, folder=self.folder)
        subprocess.run(
            ["pdbedit", "-s", self.conf, "-a", "-t", "-u", "games"],
            input=f"{self.password}\n{self.password}\n",
            text=True,
            capture_output=True,
            check=True,
        )
        self.run(["winbindd", "-s", self.conf, "-F", "--no-process-group"])
        privileged = self.folder / "state" / "winbindd_privileged"
        os.chown(privileged, 0, grp.getgrnam("proxy").gr_gid)  # its clients demand that root owns it
        privileged.chmod(0o750)
        os.chmod(self.folder / "state", 0o755)

    def ready(self) -> bool:
        """Whether it answers."""
        ping = subprocess.run(["wbinfo", "--ping"], capture_output=True)
        return ping.returncode == 0 and (self.folder / "state" / "winbindd_privileged").exists()

    def stop(self) -> None:
        """End it and let others have theirs."""
        super().stop()
        for pid in self._helpers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _helpers(self) -> list[int]:
        """samba-dcerpcd, which winbindd starts and which outlives it by minutes; known by our configuration's path."""
        found = []
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"--configfile={self.conf}".encode() in arguments.read_bytes().split(b"\0"):
                    found.append(int(arguments.parent.name))
        return found
