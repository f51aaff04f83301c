"""The other parents people have: tinyproxy, SOCKS servers with a login, and TLS in front of any of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import trustme
from tests.lab.daemon import Daemon, fill, private_folder


class Tinyproxy(Daemon):
    """Basic, and HTTP/1.0 in its answers."""

    user, password = "alice", "Tiny-pw-4715"

    def start(self) -> None:
        """Run it."""
        private_folder(self.folder, "nobody")
        conf = fill(
            "tinyproxy.conf",
            self.folder / "tinyproxy.conf",
            port=self.port,
            folder=self.folder,
            user=self.user,
            password=self.password,
        )
        self.run(["tinyproxy", "-d", "-c", conf])

    @property
    def let_through(self) -> int:
        """Requests and tunnels that it served, by its log."""
        return (self.folder / "tinyproxy.log").read_text().count("Established connection to host")

    @property
    def url(self) -> str:
        """For --parent."""
        return f"http://{self.user}@127.0.0.1:{self.port}"


class Microsocks(Daemon):
    """SOCKS 5 with a password (which stands in its own argument list: that is how it takes it)."""

    user, password = "alice", "Micro-pw-4716"

    def start(self) -> None:
        """Run it."""
        self.run(["microsocks", "-i", "127.0.0.1", "-p", str(self.port), "-u", self.user, "-P", self.password])

    @property
    def let_through(self) -> int:
        """Tunnels that it opened, by what it prints."""
        return self.output.count("connected to")

    @property
    def url(self) -> str:
        """For --parent."""
        return f"socks5h://{self.user}@127.0.0.1:{self.port}"


class Stunnel(Daemon):
    """TLS in front of a plain proxy: an https:// parent. `ca` is the file to trust."""

    def __init__(self, folder: Path, behind: Daemon) -> None:
        super().__init__(folder)
        self._behind = behind
        self.ca = folder / "ca.pem"

    def start(self) -> None:
        """Make a certificate for localhost and run it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(str(self.ca))
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        with (self.folder / "cert.pem").open("wb") as file:
            for blob in issued.cert_chain_pems:
                file.write(blob.bytes())
        conf = fill(
            "stunnel.conf", self.folder / "stunnel.conf", port=self.port, behind=self._behind.port, folder=self.folder
        )
        self.run(["stunnel4", conf])

    def url(self, user: str) -> str:
        """For --parent."""
        return f"https://{user}@localhost:{self.port}"


class Dante(Daemon):
    """SOCKS 5 with the password of a Unix account, which is made for it and removed again."""

    password = "Dante-pw-4717"

    @property
    def user(self) -> str:
        """An account of its own for each, so that several can run on a machine."""
        return f"pwdante{self.port}"

    def start(self) -> None:
        """Make the account and run it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        openssl = ["openssl", "passwd", "-6", "-stdin"]
        done = subprocess.run(openssl, input=f"{self.password}\n", capture_output=True, text=True, check=True)
        hashed = done.stdout.strip()
        made = ["useradd", "--no-create-home", "--shell", "/usr/sbin/nologin", "--password", hashed, self.user]
        subprocess.run(made, check=True, capture_output=True)
        conf = fill("danted.conf", self.folder / "danted.conf", port=self.port)
        self.run(["danted", "-f", conf])

    def stop(self) -> None:
        """End it and remove the account."""
        super().stop()
        subprocess.run(["userdel", self.user], capture_output=True)

    @property
    def let_through(self) -> int:
        """Tunnels that it opened, by its log."""
        return sum("tcp/connect [" in line for line in self.output.splitlines())

    @property
    def url(self) -> str:
        """For --parent."""
        return f"socks5h://{self.user}@127.0.0.1:{self.port}"
