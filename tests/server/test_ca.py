"""The certificate authority: what clients make of it (OpenSSL, curl, Python), how it is kept, how it ends."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipway.errors import UsageError
from pipway.server import ca as module
from pipway.server.ca import OVERLAP, RENEWAL, Authority
from pipway.server.certificates import (
    BACKDATED,
    LEAF,
    LIFETIME,
    Identity,
    key_bytes,
    make_authority,
    make_leaf,
    names_of,
)

HOSTS = ("index.example", "Files.Example.", "127.0.0.1", "::1")


class Calendar:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **how: float) -> None:
        self.now += timedelta(**how)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def authority(tmp_path: Path, calendar: Calendar) -> Authority:
    made = Authority(tmp_path, now=calendar)
    made.ensure(HOSTS)
    return made


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[ssl.SSLObject, x509.Certificate]:
    """Both halves in memory; SSLError when the client does not like what it is shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (theirs, ours):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    shown = theirs.getpeercert(binary_form=True)
    assert shown is not None
    return theirs, x509.load_der_x509_certificate(shown)


def trusting(bundle: Path) -> ssl.SSLContext:
    """A client as strict as Python 3.13 is."""
    context = ssl.create_default_context(cafile=str(bundle))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.parametrize("host", ["index.example", "files.example", "deep.below.files.example", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_its_leaves_and_gets_http_1(authority: Authority, host: str) -> None:
    """Issue: HTTP/2 clients are offered HTTP/1.1 by ALPN."""
    client, leaf = handshake(authority.context(host), trusting(authority.bundle), host)
    assert client.selected_alpn_protocol() == "http/1.1"
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == LEAF == timedelta(days=7)
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


@pytest.mark.parametrize(
    "host", ["bank.example", "files.example.evil.example", "notfiles.example", "10.0.0.1", "example"]
)
def test_it_speaks_for_no_other_host_itself(authority: Authority, host: str) -> None:
    """Nobody gets a leaf for what the certificate does not name."""
    assert not authority.covers(host)
    with pytest.raises(ValueError, match="may not speak"):
        authority.context(host)


@pytest.mark.parametrize(
    ("names", "host", "judgement"),
    [
        (HOSTS, "index.example", None),
        (HOSTS, "bank.example", "permitted subtree violation"),
        (HOSTS, "10.0.0.1", "permitted subtree violation"),
        (("index.example",), "10.0.0.1", "excluded subtree violation"),
        (("index.example",), "2001:db8::1", "excluded subtree violation"),
        (("127.0.0.1",), "bank.example", "permitted subtree violation"),
        (("127.0.0.1",), "127.0.0.1", None),
    ],
)
def test_a_stolen_key_is_of_no_use_elsewhere(
    tmp_path: Path, names: tuple[str, ...], host: str, judgement: str | None
) -> None:
    """RFC 5280 §4.2.1.10: OpenSSL refuses leaves that the key signed for other names, of a kind not named too."""
    now = datetime.now(UTC)
    thief = make_authority(names_of(names), now)
    leaf = make_leaf(thief, host, ec.generate_private_key(ec.SECP256R1()), now)
    (tmp_path / "ca.pem").write_text(thief.pem)
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    kind = "-verify_ip" if ":" in host or host[0].isdigit() else "-verify_hostname"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", kind, host]
    done = subprocess.run(
        [*command, "-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "leaf.pem")], capture_output=True, text=True
    )
    assert (done.returncode == 0) is (judgement is None), done.stderr
    assert judgement is None or judgement in done.stderr


def test_openssl_reads_what_it_should_be(authority: Authority) -> None:
    """Critical constraints, no authorities below it, two years."""
    command = ["openssl", "x509", "-in", str(authority.bundle), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for expected in (
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
        "X509v3 Name Constraints: critical",
        "DNS:index.example",
        "DNS:files.example",
        "IP:127.0.0.1/255.255.255.255",
        "ASN1 OID: prime256v1",
    ):
        assert expected in text
    assert authority.current is not None
    assert authority.current.ends - authority.current.made == LIFETIME
    assert authority.current.fingerprint in subprocess.run(
        ["openssl", "x509", "-in", str(authority.bundle), "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_the_key_is_private_and_the_bundle_has_none(authority: Authority) -> None:
    """0600, in a folder of 0700; no leaf's key stays behind."""
    authority.context("index.example")
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in authority.folder.iterdir()} == {"current.pem": 0o600}
    assert authority.bundle.stat().st_mode & 0o777 == 0o644
    assert "PRIVATE" not in authority.bundle.read_text()
    assert "PRIVATE" in (authority.folder / "current.pem").read_text()
    assert "key" not in repr(authority.current)


def test_what_a_killed_process_left_is_removed(authority: Authority, calendar: Calendar) -> None:
    """A leaf's key on the disk outlives no restart; one that is being used at this moment stays."""
    left = authority.folder / "leaf-x.tmp"
    left.write_text("a key")
    authority.ensure(HOSTS)
    assert left.exists()
    calendar.later(hours=2)
    authority.ensure(HOSTS)
    assert not left.exists()


def test_a_leaf_is_kept_until_a_day_before_its_end(authority: Authority, calendar: Calendar) -> None:
    """One handshake costs no new key; none is shown that a client may take for expired."""
    first = authority.context("index.example")
    calendar.later(days=4, hours=23)
    assert authority.context("INDEX.example.") is first
    calendar.later(hours=2)
    assert authority.context("index.example") is not first


def test_leaves_are_bounded(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those used least recently go."""
    monkeypatch.setattr(module, "_LEAVES", 3)
    first = authority.context("a.index.example")
    kept = authority.context("b.index.example")
    for name in "cd":
        authority.context("b.index.example")
        authority.context(f"{name}.index.example")
    assert authority.context("b.index.example") is kept
    assert authority.context("a.index.example") is not first


def test_another_process_finds_it_and_makes_no_second_one(authority: Authority, tmp_path: Path) -> None:
    """Two at once: the one that was quicker counts for both."""
    other = Authority(tmp_path)
    assert other.ensure(["something.else.example"]).fingerprint == current(authority).fingerprint
    late = make_authority(("late.example",), datetime.now(UTC))
    other._keep(late, "current.pem")
    assert current(other).fingerprint == current(authority).fingerprint


def test_new_hosts_change_nothing_by_themselves(authority: Authority) -> None:
    """What pages say must not decide what machines have to trust: a person rotates."""
    before = authority.bundle.read_text()
    authority.ensure([*HOSTS, "new.example"])
    assert authority.bundle.read_text() == before
    assert not authority.covers("new.example")


def test_rotation_overlaps(authority: Authority, tmp_path: Path, calendar: Calendar) -> None:
    """Clients learn of the successor a month before it signs, and those that trust both never notice."""
    old = current(authority)
    successor = authority.prepare([*HOSTS, "new.example"])
    assert authority.bundle.read_text() == old.pem + successor.pem
    assert authority.takes_over == successor.made + OVERLAP
    assert authority.prepare(HOSTS) is successor, "there is one already"
    calendar.later(seconds=(OVERLAP - timedelta(hours=1)).total_seconds())
    assert signer(authority, "index.example") == old.certificate.subject
    assert not authority.covers("new.example")
    calendar.later(hours=2)
    other = Authority(tmp_path, now=calendar)  # another process that has not looked since
    for each in (authority, other):
        assert signer(each, "index.example") == successor.certificate.subject
        assert each.covers("new.example")
    assert (authority.successor, other.successor) == (None, None)
    assert authority.bundle.read_text() == successor.pem


def test_a_successor_is_made_in_time(authority: Authority, calendar: Calendar) -> None:
    """Nobody has to remember the end."""
    calendar.later(seconds=(LIFETIME - RENEWAL - timedelta(days=1)).total_seconds())
    authority.context("index.example")
    assert "next.pem" not in os.listdir(authority.folder)
    calendar.later(days=2)
    authority.context("index.example")
    successor = authority.successor
    assert successor is not None
    assert successor.names == current(authority).names
    assert current(authority).pem in authority.bundle.read_text()


def test_one_that_ended_while_nothing_ran_is_followed_at_once(authority: Authority, calendar: Calendar) -> None:
    """Two years in a drawer."""
    old = current(authority)
    calendar.later(days=1000)
    fresh = authority.ensure(HOSTS)
    assert fresh.fingerprint != old.fingerprint
    assert fresh.made <= calendar.now < fresh.ends


def test_replacing_ends_it_at_once(authority: Authority) -> None:
    """`pipway ca rotate --now`: with the successor that clients trust already, if there is one."""
    old, successor = current(authority), authority.prepare([*HOSTS, "new.example"])
    authority.context("index.example")
    assert authority.replace(HOSTS).fingerprint == successor.fingerprint
    assert signer(authority, "index.example") == successor.certificate.subject
    assert old.pem not in authority.bundle.read_text()
    assert authority.replace(HOSTS).fingerprint != successor.fingerprint


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def of_another(path: Path) -> None:
    stranger = make_authority(("a.example",), datetime.now(UTC))
    path.write_text(stranger.pem + path.read_text().partition("-----END CERTIFICATE-----\n")[2])


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (cut, "ca-broken"),
        (of_another, "ca-broken"),
        (lambda path: path.write_text("nonsense"), "ca-broken"),
        (lambda path: path.write_bytes(b""), "ca-broken"),
        (lambda path: path.chmod(0o640), "ca-exposed"),
        (lambda path: (path.unlink(), path.mkdir(mode=0o700)), "ca-unreadable"),
    ],
)
def test_a_broken_one_is_one_clear_error_with_the_fix(
    authority: Authority, tmp_path: Path, harm: Callable[[Path], object], code: str
) -> None:
    """And nothing is made in its place: clients trust the one that is there."""
    path = authority.folder / "current.pem"
    harm(path)
    for victim in (authority, Authority(tmp_path)):
        with pytest.raises(UsageError) as caught:
            victim.ensure(HOSTS)
        assert caught.value.code == code
        assert str(path) in caught.value.what
        assert "pipway ca rotate --now" in caught.value.fix
    if path.is_file():
        assert Authority(tmp_path).replace(HOSTS).covers("index.example")
        assert authority.covers("index.example"), "the running server has noticed"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One error, not a traceback."""
    (tmp_path / "ca.pem").mkdir()
    with pytest.raises(UsageError) as caught:
        Authority(tmp_path).ensure(HOSTS)
    assert caught.value.code == "ca-unwritable"


def test_without_hosts_there_is_none(tmp_path: Path) -> None:
    """An authority that may speak for nobody would be one for everybody."""
    with pytest.raises(UsageError) as caught:
        Authority(tmp_path).ensure([])
    assert caught.value.code == "ca-without-hosts"
    with pytest.raises(UsageError) as missing:
        Authority(tmp_path).context("index.example")
    assert missing.value.code == "ca-missing"


def test_curl_accepts_it(authority: Authority, tmp_path: Path) -> None:
    """A second opinion on the chain, through `openssl s_server`, which is not ours either."""
    current_time = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = make_leaf(current(authority), "index.example", key, current_time)
    pem = tmp_path / "leaf.pem"
    pem.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + key_bytes(key))
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(pem), "-key", str(pem), "-www"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        line = next(line for line in server.stdout if line.startswith("ACCEPT"))
        port = line.strip().rpartition(":")[2]
        asked = [
            "curl",
            "-sS",
            "-o",
            os.devnull,
            "-w",
            "%{http_code}",
            "--noproxy",
            "*",
            "--cacert",
            str(authority.bundle),
        ]
        asked += ["--resolve", f"index.example:{port}:127.0.0.1", f"https://index.example:{port}/"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (0, "200"), done.stderr
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def current(authority: Authority) -> Identity:
    found = authority.current
    assert found is not None
    return found


def signer(authority: Authority, host: str) -> x509.Name:
    """Who signed what a client is shown; no judgement."""
    client = ssl.create_default_context()
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return handshake(authority.context(host), client, host)[1].issuer


def test_a_client_whose_clock_is_behind_still_believes() -> None:
    """By up to a day."""
    assert timedelta(hours=12) <= BACKDATED < LEAF
