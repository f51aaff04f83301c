"""The parents of the lab, each started once for all tests of a worker; tests that use them share the group `lab`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from tests.lab.daemon import Daemon
from tests.lab.kerberos import Kdc
from tests.lab.others import Dante, Microsocks, Stunnel, Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, FencedSquid, KerberosSquid, NtlmSquid, PeopleSquid, Squid
from tests.lab.winbind import Winbind

D = TypeVar("D", bound=Daemon)


def _running(daemon: D) -> Iterator[D]:
    with daemon:
        yield daemon


@pytest.fixture(scope="session")
def lab_folder() -> Iterator[Callable[[str], Path]]:
    """Folders that other users can reach. pytest's own are private, and every run of it makes them so again."""
    with tempfile.TemporaryDirectory(prefix="pipway-lab-", ignore_cleanup_errors=True) as base:

        def folder(name: str) -> Path:
            made = Path(base) / name
            made.mkdir()
            return made

        Path(base).chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def open_squid(lab_folder: Callable[[str], Path]) -> Iterator[Squid]:
    """No login."""
    yield from _running(Squid(lab_folder("open")))


@pytest.fixture(scope="session")
def fenced_squid(lab_folder: Callable[[str], Path]) -> Iterator[FencedSquid]:
    """No login, and no way back to this machine."""
    yield from _running(FencedSquid(lab_folder("fenced")))


@pytest.fixture(scope="session")
def people_squid(lab_folder: Callable[[str], Path]) -> Iterator[PeopleSquid]:
    """Basic, for several people."""
    yield from _running(PeopleSquid(lab_folder("people")))


@pytest.fixture(scope="session")
def basic_squid(lab_folder: Callable[[str], Path]) -> Iterator[BasicSquid]:
    """Basic."""
    yield from _running(BasicSquid(lab_folder("basic")))


@pytest.fixture(scope="session")
def digest_squid(lab_folder: Callable[[str], Path]) -> Iterator[DigestSquid]:
    """Digest."""
    yield from _running(DigestSquid(lab_folder("digest")))


@pytest.fixture(scope="session")
def kdc(lab_folder: Callable[[str], Path]) -> Iterator[Kdc]:
    """The Kerberos realm."""
    yield from _running(Kdc(lab_folder("kdc")))


@pytest.fixture(scope="session")
def kerberos_squid(lab_folder: Callable[[str], Path], kdc: Kdc) -> Iterator[KerberosSquid]:
    """Kerberos."""
    yield from _running(KerberosSquid(lab_folder("kerberos"), kdc))


@pytest.fixture(scope="session")
def winbind(lab_folder: Callable[[str], Path]) -> Iterator[Winbind]:
    """The judge of NTLMv2."""
    yield from _running(Winbind(lab_folder("winbind")))


@pytest.fixture(scope="session")
def ntlm_squid(lab_folder: Callable[[str], Path], winbind: Winbind) -> Iterator[NtlmSquid]:
    """NTLM."""
    yield from _running(NtlmSquid(lab_folder("ntlm"), winbind))


@pytest.fixture(scope="session")
def tinyproxy(lab_folder: Callable[[str], Path]) -> Iterator[Tinyproxy]:
    """Basic, tinyproxy's way."""
    yield from _running(Tinyproxy(lab_folder("tinyproxy")))


@pytest.fixture(scope="session")
def microsocks(lab_folder: Callable[[str], Path]) -> Iterator[Microsocks]:
    """SOCKS 5."""
    yield from _running(Microsocks(lab_folder("microsocks")))


@pytest.fixture(scope="session")
def dante(lab_folder: Callable[[str], Path]) -> Iterator[Dante]:
    """SOCKS 5."""
    yield from _running(Dante(lab_folder("dante")))


@pytest.fixture(scope="session")
def stunnel(lab_folder: Callable[[str], Path], basic_squid: BasicSquid) -> Iterator[Stunnel]:
    """TLS in front of the Basic squid."""
    yield from _running(Stunnel(lab_folder("stunnel"), basic_squid))
