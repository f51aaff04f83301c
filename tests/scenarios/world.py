"""What scenarios share: an index behind TLS that only the lab's squids know by name, and clients' environments."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import trustme
from tests.contracts.stream import serving as certified
from tests.e2e.clients import Pip, Poetry, Uv
from tests.e2e.lab import neutral_environment
from tests.servers.upstream import Upstream

PIP, OLD_PIP = Pip("26.*"), Pip("25.0.1")
UV, POETRY = Uv(), Poetry()
PROJECT = "parcel"
NAMES = ("index.example", "127.0.0.1")


class World:
    """An index and its certificate authority. `index.example` leads to it from inside the lab's squids only."""

    def __init__(self, folder: Path, *, secure: bool = True, names: Sequence[str] = NAMES) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "corporate-root.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self.upstream = Upstream(tls=certified(self.authority, *names) if secure else None, relative_links=True)
        self.upstream.add_wheel(PROJECT, "1.0")

    def index(self, host: str = "index.example") -> str:
        """Its address under a name."""
        parts = urlsplit(self.upstream.url)
        return f"{parts.scheme}://{host}:{parts.port}{parts.path}"

    @cached_property
    def bundle(self) -> str:
        """The file to trust."""
        return str(self.ca)


@contextmanager
def world(folder: Path, *, secure: bool = True, names: Sequence[str] = NAMES) -> Iterator[World]:
    """A running one."""
    made = World(folder, secure=secure, names=names)
    with made.upstream.in_thread():
        yield made


def environment(folder: Path, more: Mapping[str, str] = {}) -> dict[str, str]:
    """A person's environment: a home of its own, nothing of this machine's configuration, short patience."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environ = neutral_environment()
    # Files below the home of this test are read, and no line is broken where a terminal ends.
    for name in ("PIP_CONFIG_FILE", "UV_NO_CONFIG", "COLUMNS"):
        environ.pop(name, None)
    environ |= {"XDG_CONFIG_DIRS": str(home / "etc"), "PIPWAY_DATA": str(home / "pipway")}
    environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "XDG_CACHE_HOME": str(home / ".cache")}
    environ |= {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    environ |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    return environ | dict(more)


def pip_install(folder: Path, *options: str, pip: Pip = PIP, project: str = PROJECT) -> list[str]:
    """The command, installing below `folder`/target."""
    return [*pip.command(), "install", "--target", str(folder / "target"), *options, project]


def uv_install(folder: Path, *options: str, project: str = PROJECT) -> list[str]:
    """The same with uv."""
    words = [*UV.command(), "pip", "install", "--python", sys.executable, "--target", str(folder / "target")]
    return [*words, *options, project]


def there(folder: Path, project: str = PROJECT, version: str = "1.0") -> Callable[[], bool]:
    """Whether that version is installed below `folder`/target."""
    return lambda: (folder / "target" / f"{project}-{version}.dist-info").is_dir()


def with_sudo(folder: Path, **programs: str) -> None:
    """`sudo` that asks nobody, and other programs as scripts, where commands of a fix find them."""
    shims = folder / ".bin"
    shims.mkdir()
    for name, text in {"sudo": 'exec "$@"\n', **programs}.items():
        (shims / name).write_text(f"#!/bin/sh\n{text}")
        (shims / name).chmod(0o755)


def without_machine_files(folder: Path) -> list[str]:
    """A command to run others with: where this machine has configuration for all users, they see an empty file."""
    found = [path for path in ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/uv/uv.toml") if Path(path).exists()]
    if not found:
        return []
    empty = folder / "empty"
    empty.touch()
    mounts = " && ".join(f"mount --bind {shlex.quote(str(empty))} {path}" for path in found)
    return ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
