"""Whom each TLS leg believes: roots are added, never replaced, and no leg borrows another's."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.contracts.stream import serving
from tests.dial.conftest import Journal
from tests.servers.counting_proxy import CountingProxy
from tests.servers.tiny_http import Exchange, Reply, TinyServer

from pipway.dial import http
from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.trust import Trust
from pipway.dial.via_http import ViaHttp
from pipway.errors import PipwayError, Unavailable, UsageError


def pem(folder: Path, name: str, authority: trustme.CA) -> Path:
    file = folder / name
    authority.cert_pem.write_to_path(str(file))
    return file


async def answer(exchange: Exchange) -> None:
    await exchange.answer(Reply(body=b"inside"))


class Office:
    """A proxy with TLS and a login; behind it a gateway that inspects TLS with a root of its own."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.proxys, self.gateways = trustme.CA(), trustme.CA()
        self.proxys_pem, self.gateways_pem = pem(folder, "p.pem", self.proxys), pem(folder, "g.pem", self.gateways)
        self.server = TinyServer(answer, tls=serving(self.gateways, "127.0.0.1"))
        self.proxy = CountingProxy("basic", tls=serving(self.proxys, "127.0.0.1"))
        self._folder = folder
        self._journal = journal

    async def get(self, trust: Trust, *, ca: Path | None = None) -> bytes:
        """Through the proxy; `ca` is what the person configured for that parent."""
        parent = self.proxy.parent(ca=ca)
        trace = self._journal.trace

        class Kept:
            async def find(self, parent: Parent) -> Credential:
                return Credential("alice", password="right horse")

        gate = Gate(Rejections(self._folder / "logins"), trace=trace)
        logins = Logins(gate=gate, credentials=Kept(), schemes=schemes, trace=trace)
        dialer = ViaHttp(
            parent, Direct(), login=logins.of(parent), trust=lambda: trust.context(ca=parent.ca), trace=trace
        )
        client = http.Client(
            dialer, trust=lambda _: trust.context(), limits=http.Limits(connect=10), user_agent="test", trace=trace
        )
        try:
            return await (await client.request("GET", f"{self.server.origin}/")).read(100)
        finally:
            await client.aclose()


@pytest.fixture
async def office(tmp_path: Path, journal: Journal) -> AsyncIterator[Office]:
    made = Office(tmp_path, journal)
    await made.server.start()
    async with made.proxy:
        yield made
    await made.server.stop()


async def test_inspected_tls_behind_a_proxy_with_a_login_verifies_with_the_corporate_root(office: Office) -> None:
    assert await office.get(Trust(extra=[office.gateways_pem]), ca=office.proxys_pem) == b"inside"


async def test_it_fails_without_that_root(office: Office) -> None:
    with pytest.raises(Unavailable) as caught:
        await office.get(Trust(), ca=office.proxys_pem)
    assert caught.value.code == "tls-not-trusted"
    assert office.proxy.good == 1, "the leg to the proxy was fine"


async def test_the_root_of_the_proxys_leg_is_no_good_inside_the_tunnel(office: Office) -> None:
    """The bug that bit pip: the proxy's context (or its lack) used for what runs inside."""
    both = office.proxys_pem.read_bytes() + office.gateways_pem.read_bytes()
    office.proxys_pem.write_bytes(both)
    with pytest.raises(Unavailable) as caught:
        await office.get(Trust(), ca=office.proxys_pem)
    assert caught.value.code == "tls-not-trusted"


async def test_a_root_of_one_parent_is_not_believed_for_another(office: Office) -> None:
    with pytest.raises(Unavailable) as caught:
        await office.get(Trust(extra=[office.gateways_pem]))
    assert caught.value.code == "tls-not-trusted"
    assert office.proxy.good == 0


async def test_each_set_of_options_has_its_own_context(tmp_path: Path) -> None:
    trust = Trust()
    root = pem(tmp_path, "a.pem", trustme.CA())
    plain, special = await trust.context(), await trust.context(ca=root)
    assert plain is not special
    assert await trust.context() is plain
    assert await trust.context(ca=root) is special


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_DIR"])
async def test_variables_add_roots_and_say_so(tmp_path: Path, name: str) -> None:
    root = pem(tmp_path, "a.pem", trustme.CA())
    trust = Trust(environ={name: str(tmp_path if name == "SSL_CERT_DIR" else root)})
    before, after = await Trust().context(), await trust.context()
    assert after.cert_store_stats()["x509_ca"] == before.cert_store_stats()["x509_ca"] + 1
    assert [(source.origin, source.problem) for source in trust.sources()] == [("the operating system", ""), (name, "")]


async def test_a_variable_that_names_nothing_is_a_remark(tmp_path: Path, journal: Journal) -> None:
    trust = Trust(environ={"PIP_CERT": str(tmp_path / "none.pem")}, trace=journal.trace)
    await trust.context()
    await trust.context(ca=pem(tmp_path, "a.pem", trustme.CA()))
    assert [facts["origin"] for facts in journal.facts("trust.ignored")] == ["PIP_CERT"]


async def test_what_a_variable_names_is_never_silently_dropped(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    trust = Trust(environ={"PIP_CERT": str(tmp_path / "bad.pem")}, trace=journal.trace)
    await trust.context()
    assert [facts["why"] for facts in journal.facts("trust.ignored")] == ["it is not a PEM file"]
    assert trust.sources()[1].problem


async def test_several_folders_in_ssl_cert_dir(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pem(tmp_path / name, "root.pem", trustme.CA())
    folders = os.pathsep.join(str(tmp_path / name) for name in ("a", "b", "none"))
    trust = Trust(environ={"SSL_CERT_DIR": folders})
    before, after = await Trust().context(), await trust.context()
    assert after.cert_store_stats()["x509_ca"] == before.cert_store_stats()["x509_ca"] + 2
    assert [bool(source.problem) for source in trust.sources()] == [False, False, False, True]
    own, *named = await trust.origins()
    assert own.roots is None or own.roots > 2
    assert [source.roots for source in named] == [1, 1, None]


async def test_openssl_does_not_replace_the_systems_roots_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL believes what SSL_CERT_FILE and SSL_CERT_DIR name *instead* of the system's roots; we add, or ignore."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    usual = (await Trust().context()).cert_store_stats()["x509_ca"]
    assert usual > 2
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(pem(tmp_path, "own.pem", trustme.CA())))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    assert (await Trust(environ=os.environ).context()).cert_store_stats()["x509_ca"] == usual + 1
    assert (await Trust(environ={}).context()).cert_store_stats()["x509_ca"] == usual


async def test_an_extra_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "none.pem", tmp_path / "bad.pem", tmp_path / "empty"):
        with pytest.raises(UsageError) as caught:
            await Trust(extra=[path]).context()
        assert caught.value.code == "bad-ca-file"


async def test_strictness_can_be_chosen() -> None:
    assert (await Trust(strict=True).context()).verify_flags & ssl.VERIFY_X509_STRICT
    assert not (await Trust(strict=False).context()).verify_flags & ssl.VERIFY_X509_STRICT


# -- client certificates ---------------------------------------------------------------------------------------------


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = trustme.CA()
    ours = authority.issue_cert("client.example")
    file = tmp_path / "client.pem"
    file.write_bytes(ours.private_key_and_cert_chain_pem.bytes())
    wanting = serving(authority, "127.0.0.1")
    wanting.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(wanting)
    server = TinyServer(answer, tls=wanting)
    await server.start()
    trust, ca = Trust(), pem(tmp_path, "ca.pem", authority)
    try:
        for certificate in (file, None):
            client = http.Client(
                Direct(),
                trust=lambda _, shown=certificate: trust.context(ca=ca, client_certificate=shown),  # type: ignore[misc]
                limits=http.Limits(),
                user_agent="test",
                trace=Journal().trace,
            )
            try:
                async with asyncio.timeout(10):
                    body = await (await client.request("GET", f"{server.origin}/")).read(100)
                assert (body, certificate) == (b"inside", file)
            except PipwayError:
                assert certificate is None
            finally:
                await client.aclose()
    finally:
        await server.stop()


async def test_client_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    one, other = trustme.CA().issue_cert("a.example"), trustme.CA().issue_cert("b.example")
    certificate = one.cert_chain_pems[0].bytes()
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"s3cret"),
    )
    cases = {
        "no-key.pem": certificate,
        "mismatch.pem": certificate + other.private_key_pem.bytes(),
        "encrypted.pem": certificate + locked,
        "rubbish.pem": b"rubbish",
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    for name in (*cases, "missing.pem"):
        with pytest.raises(UsageError) as caught:
            await Trust().context(client_certificate=tmp_path / name)
        assert caught.value.code == "bad-client-certificate"
        assert caught.value.fix


# -- RFC 5280 to the letter, as Python 3.13 demands ------------------------------------------------------------------


def certificates(
    *, critical: bool = True, identifiers: bool = True, usage: bool = True, constraints: bool = True
) -> tuple[bytes, bytes]:
    """A root and a chain for 127.0.0.1 with its key (PEM); the root breaks a rule if told to."""
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corp Inspection CA")])

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))

    root = begun(root_name, root_key.public_key())
    if constraints:
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=critical)
    if usage:
        bits = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        allowed = x509.KeyUsage(**bits, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        root = root.add_extension(allowed, critical=True)
    if identifiers:
        root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
    leaf = begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]), key.public_key())
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = leaf.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    if identifiers:
        leaf = leaf.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
    signed_root = root.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    chain = leaf.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed_root, chain + private


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ({"critical": False}, "critical"),
        ({"identifiers": False}, "Key Identifier"),
        ({"usage": False}, "key usage"),
        ({"constraints": False}, "invalid CA"),
    ],
)
async def test_a_root_that_breaks_rfc_5280_is_explained(tmp_path: Path, flaw: dict[str, bool], words: str) -> None:
    """Python 3.13 refuses what older ones let pass: say which rule, and that there is a switch."""
    root, chain = certificates(**flaw)
    (tmp_path / "root.pem").write_bytes(root)
    (tmp_path / "chain.pem").write_bytes(chain)
    serving_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving_context.load_cert_chain(tmp_path / "chain.pem")
    server = TinyServer(answer, tls=serving_context)
    await server.start()
    try:
        for strict in (True, False):
            context = await Trust(extra=[tmp_path / "root.pem"], strict=strict).context()
            stream = await Direct().dial(Target("127.0.0.1", int(server.origin.rpartition(":")[2])))
            if strict:
                with pytest.raises(Unavailable) as caught:
                    await stream.start_tls(context, "127.0.0.1")
                assert caught.value.code == ("tls-not-strict" if "constraints" not in flaw else "tls-invalid-ca")
                assert words.lower() in caught.value.why.lower()
                assert "trust.strict" in caught.value.fix
            else:
                await stream.start_tls(context, "127.0.0.1")
            await stream.aclose()
    finally:
        await server.stop()
