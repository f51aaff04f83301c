"""Every difference between operating systems, in one place.

Whoever needs a fast path asks here whether it exists; the answer on Windows and macOS is the portable one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

if sys.platform == "win32":
    import ctypes
    import msvcrt
    import threading
    import winreg
else:
    import fcntl
    import resource
    import termios

WINDOWS = sys.platform == "win32"
_MOST_FILES = 65536

#: `os.sendfile` with Linux semantics (file to socket, count bounded by the caller); macOS differs in its result.
HAS_SENDFILE = sys.platform == "linux" and hasattr(os, "sendfile")

#: `os.splice` from socket to socket through a pipe (Linux).
HAS_SPLICE = sys.platform == "linux" and hasattr(os, "splice")

#: Whether `os.write` takes a socket's descriptor.
SOCKETS_ARE_FILES = not WINDOWS


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel notice a peer that vanished: probe after a minute of silence, give up after another."""
    # On the descriptor itself: each call through what uvloop gives for a socket duplicates it first.
    real = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
    try:
        real.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):  # macOS and older Windows have not all of them
                real.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    finally:
        real.detach()


def unsent(sock: socket.socket) -> int:
    """Give the bytes of a TCP connection that its peer has not acknowledged; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))  # Linux calls it SIOCOUTQ for sockets
    return int.from_bytes(answer, sys.byteorder)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give the event loop's constructor: uvloop where it can be installed, else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows and PyPy; the import is the question)
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def memory_file() -> int | None:
    """Open an anonymous file that lives in memory (Linux), for bytes that `sendfile` shall send; None elsewhere."""
    if sys.platform == "linux" and hasattr(os, "memfd_create"):
        return os.memfd_create("pipway")
    return None


def open_files() -> int:
    """How many files and sockets this process may have open at most, from now on. Thousands where nobody says."""
    if sys.platform == "win32":
        return 8192
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, _MOST_FILES) if hard != resource.RLIM_INFINITY else _MOST_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit, lower than the one it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def open_files_limit() -> int | None:
    """How many it may have open before `open_files` was asked; None where nobody says."""
    return None if sys.platform == "win32" else resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@contextlib.contextmanager
def limited_to(files: int | None) -> Iterator[None]:
    """Let a process that is started meanwhile inherit this limit of open files instead of ours."""
    if sys.platform == "win32" or files is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_own_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of this machine's, at this moment: only those can be bound. Costs a system call."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def sync_directory(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut (POSIX needs the directory's own fsync; Windows has none)."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def proxy_exceptions() -> list[str]:
    """Which hosts this system's own settings reach without its proxy, as it writes them; `<local>`: without a dot."""
    if sys.platform == "win32":
        found = _internet_option("ProxyOverride")
        return found.split(";") if found else []
    if sys.platform == "darwin":
        from _scproxy import _get_proxy_settings  # noqa: PLC0415  (exists there alone; urllib.request asks it too)

        found = _get_proxy_settings()
        return [*(["<local>"] if found.get("exclude_simple") else []), *filter(None, found.get("exceptions", ()))]
    return []


def autoconfig_url() -> str:
    """Which PAC file Windows' internet options name, "" for none. macOS' settings are asked by a program."""
    return _internet_option("AutoConfigURL").strip()


def _internet_option(name: str) -> str:
    if sys.platform == "win32":
        try:
            with winreg.OpenKey(
                winreg.HKEY_CURRENT_USER, r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
            ) as key:
                return str(winreg.QueryValueEx(key, name)[0])
        except OSError:  # none
            pass
    return ""


def default_data_dir() -> Path:
    """Give the folder for what pipway stores, as this system's conventions have it; it need not exist yet."""
    return Path(platformdirs.user_data_dir("pipway", appauthor=False))


if sys.platform == "win32":
    _SEEK = threading.Lock()
    _LOCK_AT = 1 << 40  # region locks are mandatory for the bytes they cover: lock one that no blob has

    def open_shared(path: Path, flags: int, mode: int = 0o600) -> int:
        """Open so that others may still rename and delete the file, which `os.open` forbids on Windows."""
        write = flags & (os.O_WRONLY | os.O_RDWR)
        disposition = (
            1 if flags & os.O_EXCL else 4 if flags & os.O_CREAT else 3
        )  # CREATE_NEW, OPEN_ALWAYS, OPEN_EXISTING
        access = 0x80000000 | (0x40000000 if write else 0)  # GENERIC_READ, GENERIC_WRITE
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = ctypes.c_void_p
        # 7: FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE; 0x80: FILE_ATTRIBUTE_NORMAL
        handle = kernel.CreateFileW(str(path), access, 7, None, disposition, 0x80, None)
        if handle in (None, ctypes.c_void_p(-1).value):
            raise ctypes.WinError(ctypes.get_last_error())
        return msvcrt.open_osfhandle(handle, flags | os.O_BINARY | os.O_NOINHERIT)

    def read_at(descriptor: int, count: int, offset: int) -> bytes:
        """Read at an offset; Windows has only one position per descriptor, so readers take turns."""
        with _SEEK:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, count)

    def try_lock(descriptor: int) -> bool:
        """Take the file's exclusive lock if nobody has it; it ends with the descriptor or the process."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True
else:

    def open_shared(path: Path, flags: int, mode: int = 0o600) -> int:
        """Open so that others may still rename and delete the file; on POSIX they always may."""
        return os.open(path, flags | os.O_CLOEXEC, mode)

    read_at = os.pread

    def try_lock(descriptor: int) -> bool:
        """Take the file's exclusive lock if nobody has it; it ends with the descriptor or the process."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def hold_standard_streams() -> None:
    """Where one is closed, its number would go to a socket of ours, which uvloop does not survive."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
