"""Kerberos through pipway beyond the plain cases: a keytab, no ticket, no KDC, and what the KDC itself counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.clients import installed
from tests.e2e.test_parents import ONCE_AGAIN, PIP, Way, World, no_secret_in, started
from tests.lab.kerberos import Kdc
from tests.lab.squid import KerberosSquid

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("squid", "krb5kdc"), pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    with made.secure.in_thread(), made.clear.in_thread():
        yield made


@pytest.fixture
def squid(kerberos_squid: KerberosSquid, kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> KerberosSquid:
    """With the realm's configuration in the environment, and no ticket."""
    for name, value in kdc.env.items():
        monkeypatch.setenv(name, value)
    kdc.kdestroy()
    return kerberos_squid


def test_a_keytab(squid: KerberosSquid, kdc: Kdc, world: World, tmp_path: Path) -> None:
    keytab = kdc.keytab("alice", tmp_path / "alice.keytab")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "no-config"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pipway", "credentials", "add", squid.named(Kdc.user), "--keytab", str(keytab)]
    subprocess.run([*command, "--place", "file"], env=environ, check=True, capture_output=True)
    good, bad = squid.logons
    with ExitStack() as stack:
        server = started(stack, world, Way(squid.named(Kdc.user)), world.secure, tmp_path / "data")
        outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site")
        assert outcome.code == 0, f"{outcome}\n{server.log.read_text()}"
        no_secret_in(server)
    assert "pkg-0" in installed(tmp_path / "site")
    assert squid.logons[0] > good
    assert squid.logons[1] == bad


def test_without_a_ticket_nothing_is_sent_and_a_new_one_is_used_at_once(
    squid: KerberosSquid, kdc: Kdc, world: World, tmp_path: Path
) -> None:
    before = squid.logons
    with ExitStack() as stack:
        server = started(stack, world, Way(squid.url), world.secure, tmp_path / "data")
        outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site", options=ONCE_AGAIN, deadline=60)
        assert outcome.code != 0
        assert outcome.seconds < 30
        assert {server.get("/simple/pkg-0/").status for _ in range(4)} == {502}  # as often as pip would ask
        answer = server.get("/simple/pkg-0/")
        assert answer.status == 502
        assert f"localhost:{squid.port}" in answer.reason
        assert "Negotiate" in answer.reason
        body = json.loads(answer.body)
        assert "there is no ticket" in body["detail"]
        assert "kinit" in body["fix"]
        assert squid.logons == before
        kdc.kinit()
        assert server.get("/simple/pkg-0/").status == 200


def test_the_kdc_counts_one_wrong_password(squid: KerberosSquid, kdc: Kdc, world: World, tmp_path: Path) -> None:
    """The KDC is who judges a password, and who locks accounts."""
    failed = kdc.failed
    way = Way(squid.named(Kdc.user), {"parent_password": "Wrong-pw-0"})
    for few in ([], ONCE_AGAIN):  # the second time after a restart
        with ExitStack() as stack:
            server = started(stack, world, way, world.secure, tmp_path / "data")
            outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site", options=few, deadline=60)
            assert outcome.code != 0
            assert {server.get("/simple/pkg-0/").status for _ in range(4)} == {502}
            answer = server.get("/simple/pkg-0/")
            assert answer.status == 502
            assert "alice@PIPWAY.TEST was rejected" in answer.reason
            assert "KDC" in json.loads(answer.body)["detail"]
            no_secret_in(server)
    assert kdc.failed == failed + 1


def test_without_a_kdc(squid: KerberosSquid, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody judged the password, so it is not remembered as wrong."""
    conf = tmp_path / "krb5.conf"
    gone = re.sub(r"kdc = 127\.0\.0\.1:\d+", "kdc = 127.0.0.1:9", Path(squid.kdc.env["KRB5_CONFIG"]).read_text())
    conf.write_text(gone)
    monkeypatch.setenv("KRB5_CONFIG", str(conf))
    before = squid.logons
    with ExitStack() as stack:
        way = Way(squid.named(Kdc.user), {"parent_password": squid.kdc.password})
        server = started(stack, world, way, world.secure, tmp_path / "data")
        answer = server.get("/simple/pkg-0/")
        assert answer.status == 502
        assert "no KDC answers" in json.loads(answer.body)["detail"]
        assert json.loads(server.get("/health").body)["logins"] == []
        no_secret_in(server)
    assert squid.logons == before
