"""A gateway that inspects TLS: it verifies the real server, and shows a certificate of its own authority instead."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.lab.daemon import Daemon, fill
from tests.servers.certificates import Issued, issue


class Gateway(Daemon):
    """nginx between clients and a server behind TLS. Clients reach it by the server's name."""

    def __init__(
        self, folder: Path, *, root: Issued, public: Issued, name: str, behind: int, begins: datetime | None = None
    ) -> None:
        """`root` signs what it shows from `begins` on, `public` signed what the server at port `behind` shows."""
        super().__init__(folder)
        self._begins = begins
        self._root, self._public, self._name, self._behind = root, public, name, behind

    def start(self) -> None:
        """Make a certificate for the name, as such gateways do, and run it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shown = issue(self._name, self._root, names=[self._name], begins=self._begins)
        (self.folder / "chain.pem").write_text(shown.key_pem + shown.pem)
        (self.folder / "public-root.pem").write_text(self._public.pem)
        values = {"port": self.port, "behind": self._behind, "name": self._name, "folder": self.folder}
        conf = fill("gateway.conf", self.folder / "gateway.conf", **values)
        self.run(["nginx", "-p", self.folder, "-c", conf])
