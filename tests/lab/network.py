"""A network and a mount table of their own (Linux namespaces), for failures that must not be the machine's.

`inside` is put before commands; servers that run in threads are started within `entered()`. Needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_HOLD = """
set -e
ip link set lo up
for file in resolv.conf hosts nsswitch.conf; do
  if [ -e "$1/$file" ]; then mount --bind "$1/$file" "/etc/$file"; fi
done
if [ -n "$2" ]; then mkdir -p "$1/small"; mount -t tmpfs -o "size=$2" tmpfs "$1/small"; fi
echo ready
exec sleep infinity
"""


class Network:
    """Loopback alone, and files of /etc that stand in `folder`; with `small`, a tmpfs of that size at folder/small."""

    def __init__(self, folder: Path, *, small: str = "") -> None:
        self.folder = folder
        self.small = small

    def __enter__(self) -> Self:
        words = ["unshare", "--net", "--mount", "sh", "-c", _HOLD, "hold", str(self.folder), self.small]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def number(self) -> int:
        """Its own, among all that live."""
        return self._process.pid

    @property
    def inside(self) -> Sequence[str]:
        """Runs a command there."""
        spaces = f"/proc/{self._process.pid}/ns"
        return ["nsenter", f"--net={spaces}/net", f"--mount={spaces}/mnt", "--"]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and threads that it starts meanwhile, are in that network; their files are the machine's."""
        library = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self._process.pid}/ns/net", os.O_RDONLY)
        try:
            _moved(library, there)
            try:
                yield
            finally:
                _moved(library, home)
        finally:
            os.close(home)
            os.close(there)

    def run(self, *words: str, text: str = "") -> None:
        """Run a command there to its end."""
        subprocess.run([*self.inside, *words], input=text, text=True, check=True, timeout=10)

    def drop(self, rule: str) -> None:
        """Lose the packets that an nftables match names."""
        chain = "type filter hook input priority 0;"
        self.run("nft", "-f", "-", text=f"table inet lost {{\n chain input {{\n {chain}\n {rule} drop\n }}\n}}\n")


def _moved(library: ctypes.CDLL, handle: int) -> None:
    if library.setns(handle, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")
