"""The local certificate authority: made on first use, valid for index and file hosts alone, and its leaves.

`intercept` takes TLS contexts from it, `pipway ca` shows and rotates it. The names it may speak for stand in its
certificate (RFC 5280 §4.2.1.10), critical, so that a stolen key opens no bank account; they never change afterwards:
what a page says must not decide what machines have to trust anew. A host that is learned later stays an opaque tunnel
until a person rotates. The key is 0600 and never leaves its folder; clients get `bundle`.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipway.errors import PipwayError, UsageError
from pipway.platforms import WINDOWS
from pipway.server.certificates import (
    LEAF,
    Identity,
    decode,
    encode,
    key_bytes,
    make_authority,
    make_leaf,
    names_of,
    normal,
)

#: A successor is made this long before the end, and known to clients this long before it signs.
RENEWAL, OVERLAP = timedelta(days=60), timedelta(days=30)

_MARGIN = timedelta(days=1)  # of a leaf's life left when it is replaced
_LEAVES = 128  # kept; a context is some 50 KB
_LEFT_BEHIND = 3600.0  # seconds
_LARGEST = 262144  # bytes of a file with an authority


def _now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """The authority of one data folder; several processes may share it. All errors are UsageErrors with a fix."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = _now) -> None:
        """`folder` is the data folder: keys go to `ca/` in it, what clients shall trust to `ca.pem`."""
        self.folder = folder / "ca"
        self.bundle = folder / "ca.pem"  #: certificates of the authority and its successor, for clients
        self._now = now
        self._current: Identity | None = None
        self._successor: Identity | None = None
        self._seen: object = None  # what the files were when they were read
        self._leaves: OrderedDict[str, tuple[ssl.SSLContext, datetime, Identity]] = OrderedDict()

    # -- the authority itself --------------------------------------------------------------------------------------

    @property
    def current(self) -> Identity | None:
        """Who signs; None when none was made yet."""
        self._look()
        return self._current

    @property
    def successor(self) -> Identity | None:
        """Who will sign next, if one is made already."""
        self._look()
        return self._successor

    @property
    def takes_over(self) -> datetime | None:
        """When the successor begins to sign."""
        current, successor = self.current, self.successor
        if current is None or successor is None:
            return None
        return min(successor.made + OVERLAP, current.ends - LEAF)

    def ensure(self, hosts: Iterable[str]) -> Identity:
        """The authority, made for these hosts if there is none; a successor in time; the bundle as it must be."""
        current = self.current
        if current is None:
            self._keep(make_authority(names_of(hosts), self._now()), "current.pem")
        elif self._successor is None and current.ends - self._now() < RENEWAL:
            self.prepare([*current.names, *hosts])
        self._promote_in_time()
        self._publish()
        self._tidy()
        assert self._current is not None
        return self._current

    def prepare(self, hosts: Iterable[str]) -> Identity:
        """Make the successor, which takes over after the overlap; the one there is, if it covers these hosts."""
        names, there = names_of(hosts), self.successor
        if there is None or not all(there.covers(name) for name in names):
            self._keep(make_authority(names, self._now()), "next.pem", over=there is not None)
            self._publish()
        assert self._successor is not None
        return self._successor

    def replace(self, hosts: Iterable[str]) -> Identity:
        """End the authority at once, even one that cannot be read; clients must trust the new one before they go on."""
        try:
            successor = self.successor
        except UsageError:
            successor = None
        identity = successor or make_authority(names_of(hosts), self._now())
        with _explained(self.folder):
            self._prepare_folder()
            _write(self.folder / "current.pem", encode(identity), over=True)
            (self.folder / "next.pem").unlink(missing_ok=True)
        self._look(again=True)
        self._publish()
        return identity

    def covers(self, host: str) -> bool:
        """Whether it may speak for this host."""
        current = self.current
        return current is not None and current.covers(normal(host))

    # -- leaves ----------------------------------------------------------------------------------------------------

    def context(self, host: str) -> ssl.SSLContext:
        """TLS as this host, HTTP/1.1 only; kept until a day before its leaf ends. ValueError for hosts not covered."""
        host, now = normal(host), self._now()
        issuer = self._issuer(now)
        kept = self._leaves.get(host)
        if kept is not None and kept[1] > now and kept[2] is issuer:
            self._leaves.move_to_end(host)
            return kept[0]
        if not issuer.covers(host):
            raise ValueError(f"the authority may not speak for {host}")
        context, ends = self._context(issuer, host, now)
        self._leaves[host] = (context, ends - _MARGIN, issuer)
        self._leaves.move_to_end(host)
        while len(self._leaves) > _LEAVES:
            self._leaves.popitem(last=False)
        return context

    def _issuer(self, now: datetime) -> Identity:
        self._promote_in_time()
        current = self.current
        if current is None:
            raise UsageError("ca-missing", "there is no certificate authority yet", fix="run `pipway ca export`")
        if self._successor is None and current.ends - now < RENEWAL:
            self.prepare(current.names)
        return current

    def _context(self, issuer: Identity, host: str, now: datetime) -> tuple[ssl.SSLContext, datetime]:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = make_leaf(issuer, host, key, now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        with _explained(self.folder):
            descriptor, name = tempfile.mkstemp(prefix="leaf-", suffix=".tmp", dir=self.folder)  # 0600
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(leaf.public_bytes(serialization.Encoding.PEM) + key_bytes(key))
                context.load_cert_chain(name)
            finally:
                Path(name).unlink()
        return context, leaf.not_valid_after_utc

    # -- files -----------------------------------------------------------------------------------------------------

    def _look(self, *, again: bool = False) -> None:
        """Read what is there, when it is not what was read the last time."""
        paths = [self.folder / "current.pem", self.folder / "next.pem"]
        seen = [_stamp(path) for path in paths]
        if again or seen != self._seen:
            self._current, self._successor = (_read(path) for path in paths)
            self._seen = seen

    def _keep(self, identity: Identity, name: str, *, over: bool = False) -> None:
        """Write it, unless (if not `over`) another process was quicker; then the other's is the one."""
        with _explained(self.folder):
            self._prepare_folder()
            _write(self.folder / name, encode(identity), over=over)
        self._look(again=True)

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _promote_in_time(self) -> None:
        due = self.takes_over
        if due is not None and due <= self._now():
            with _explained(self.folder), contextlib.suppress(FileNotFoundError):  # another process has done it
                (self.folder / "next.pem").replace(self.folder / "current.pem")
            self._look(again=True)
            self._publish()

    def _tidy(self) -> None:
        """Remove what killed processes left behind: files that live for milliseconds."""
        for path in self.folder.glob("*.tmp"):
            with contextlib.suppress(OSError):
                if self._now().timestamp() - path.stat().st_mtime > _LEFT_BEHIND:
                    path.unlink()

    def _publish(self) -> None:
        text = "".join(identity.pem for identity in (self._current, self._successor) if identity)
        with _explained(self.bundle):
            if not self.bundle.exists() or self.bundle.read_text(encoding="ascii", errors="replace") != text:
                _write(self.bundle, text.encode(), over=True, mode=0o644)


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _read(path: Path) -> Identity | None:
    """The authority in a file; None when there is no file. UsageError when it is of no use."""
    try:
        with path.open("rb") as file:
            if not WINDOWS and os.fstat(file.fileno()).st_mode & 0o077:
                raise _unusable("ca-exposed", path, "other users can read the key", f"chmod 600 {path}; or, if")
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable("ca-unreadable", path, error.strerror or str(error), "make it readable; or, if") from error
    try:
        return decode(data)
    except ValueError as error:
        raise _unusable("ca-broken", path, str(error)) from error


def _unusable(code: str, path: Path, why: str, first: str = "restore the file from a backup; if") -> UsageError:
    fix = f"{first} that is not possible: `pipway ca rotate --now` makes another, which clients must trust anew"
    return UsageError(code, f"the certificate authority in {path} cannot be used", why=why, fix=fix)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except PipwayError:
        raise
    except OSError as error:
        raise UsageError(
            "ca-unwritable",
            f"the certificate authority cannot be kept in {path}",
            why=error.strerror or str(error),
            fix="make the data folder writable, or name another with --data",
        ) from error


def _write(path: Path, data: bytes, *, over: bool, mode: int = 0o600) -> None:
    """Whole or not at all. Not `over`: what is there already stays."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        if over:
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
