"""Which authorities each installer believes, by its version and by what names them."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.servers.certificates import Issued, issue

from pipway.clients.base import Effective, Entry, Installed, Setting, Surroundings
from pipway.doctor.base import Subject
from pipway.doctor.roots import Machine
from pipway.findings import Place

ROOT, OTHER, SYSTEM = (issue(name, authority=True) for name in ("Named", "Other", "System"))


class Here:
    """A machine whose system store holds one root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}
        places = ssl.get_default_verify_paths()
        self._write(folder / "root" / places.openssl_cafile.lstrip("/"), SYSTEM)
        self._write(folder / "root/etc/ssl/certs/ca-certificates.crt", SYSTEM)

    def _write(self, file: Path, *roots: Issued) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(each.pem for each in roots))
        return file

    def file(self, *roots: Issued, name: str = "named.pem") -> Path:
        return self._write(self.folder / name, *roots)

    def subject(self, tool: str, version: str, *entries: tuple[str, Path], python: str = "3.11") -> Subject:
        said = [Entry(Setting.CA, str(path), "environment", Place(key), key) for key, path in entries]
        effective = {Setting.CA: Effective(Setting.CA, tuple(each.value for each in said[:1]), tuple(said[:1]))}
        return Subject(tool, Installed(tool, ("/nowhere/program",), version, python), effective)

    def machine(self, *subjects: Subject) -> Machine:
        self.environ |= {"HOME": str(self.folder)}
        surroundings = Surroundings(self.environ, self.folder, self.folder, root=self.folder / "root")
        return Machine(surroundings, subjects)

    def believes(self, subject: Subject, root: Issued, *, proxied: bool = False) -> bool:
        return root.certificate in self.machine(subject).of(subject, proxied=proxied).certificates


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


@pytest.mark.parametrize(
    ("version", "python", "proxied", "believed"),
    [
        ("26.3", "3.11", False, True),
        ("26.3", "3.11", True, True),
        ("25.0.1", "3.11", False, True),
        ("24.1", "3.11", False, False),
        ("26.3", "3.9", False, False),
        ("20.3.4", "3.9", False, False),
    ],
)
def test_the_systems_store_counts_for_pip_from_24_2(
    here: Here, version: str, python: str, proxied: bool, believed: bool
) -> None:
    assert here.believes(here.subject("pip", version, python=python), SYSTEM, proxied=proxied) is believed


def test_pip_25_0_behind_a_proxy_has_what_openssl_finds_by_itself(here: Here) -> None:
    subject = here.subject("pip", "25.0.1")
    assert here.believes(subject, SYSTEM, proxied=True)
    places = ssl.get_default_verify_paths()
    (here.folder / "root" / places.openssl_cafile.lstrip("/")).unlink()
    if places.openssl_cafile not in ("/etc/ssl/certs/ca-certificates.crt",):
        assert not here.believes(subject, SYSTEM, proxied=True)
        assert here.believes(subject, SYSTEM)  # truststore looks in further places


def test_what_is_named_adds_up_with_truststore_and_stands_alone_without(here: Here) -> None:
    named = ("PIP_CERT", here.file(ROOT))
    assert here.believes(here.subject("pip", "26.3", named), ROOT)
    assert here.believes(here.subject("pip", "26.3", named), SYSTEM)
    assert here.believes(here.subject("pip", "23.3.2", named), ROOT)
    assert here.machine().of(here.subject("pip", "23.3.2", named), proxied=False).certificates == {ROOT.certificate}


def test_ssl_cert_file_stands_for_the_systems_file(here: Here) -> None:
    here.environ["SSL_CERT_FILE"] = str(here.file(ROOT))
    assert here.believes(here.subject("pip", "26.3"), ROOT)
    assert not here.believes(here.subject("pip", "26.3"), SYSTEM)
    assert not here.believes(here.subject("pip", "23.3.2"), ROOT)


def test_uv_has_its_own_list_unless_it_is_told_otherwise(here: Here) -> None:
    assert not here.believes(here.subject("uv", "0.13.8"), SYSTEM)
    system = Effective(Setting.CA, ("system",), ())
    assert here.believes(Subject("uv", None, {Setting.CA: system}), SYSTEM)
    named = here.subject("uv", "0.13.8", ("SSL_CERT_FILE", here.file(ROOT)))
    assert here.machine().of(named, proxied=False).certificates == {ROOT.certificate}
    assert here.machine().of(named, proxied=False).rules == "webpki"


def test_poetry_believes_certifi_or_what_is_named_and_is_strict_on_python_3_13(here: Here) -> None:
    machine = here.machine()
    assert SYSTEM.certificate not in machine.of(here.subject("poetry", "2.2"), proxied=False).certificates
    named = here.subject("poetry", "2.2", ("REQUESTS_CA_BUNDLE", here.file(ROOT)), python="3.13.1")
    assert machine.of(named, proxied=False).certificates == {ROOT.certificate}
    assert machine.of(named, proxied=False).rules == "strict"


def test_a_python_is_asked_where_its_list_is(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subject = Subject("pip", Installed("pip", (sys.executable, "-m", "pip"), "26.3", "3.11"), {})
    machine = Machine(Surroundings(environ, tmp_path, tmp_path), (subject,))
    assert machine.mozilla is not None
    assert machine.mozilla.path.parts[-3:] == ("_vendor", "certifi", "cacert.pem")
    assert machine.mozilla.whole


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "does not exist"), ("", "holds no certificate"), ("words", "holds no certificate")]
)
def test_why_a_file_cannot_be_used(here: Here, content: Any, problem: str) -> None:
    file = here.folder / "file.pem"
    if content is not None:
        file.write_text(content)
    assert here.machine().source(file, "PIP_CERT").problem == problem


def test_of_a_folder_only_what_openssl_would_look_for(here: Here) -> None:
    folder = here.folder / "certs"
    here._write(folder / "0a1b2c3d.0", ROOT)
    here._write(folder / "other.pem", OTHER)
    assert here.machine().source(folder, "SSL_CERT_DIR", hashed=True).certificates == (ROOT.certificate,)
    assert set(here.machine().source(folder, "x").certificates) == {ROOT.certificate, OTHER.certificate}


def test_where_administrators_put_roots(here: Here) -> None:
    here._write(here.folder / "root/usr/local/share/ca-certificates/corp.crt", OTHER)
    here.environ["REQUESTS_CA_BUNDLE"] = str(here.file(ROOT))
    given = here.file(SYSTEM, name="given.pem")
    found = here.machine().elsewhere([given])
    assert [source.origin for source in found][:2] == ["--ca", "REQUESTS_CA_BUNDLE"]
    assert found[-1].certificates == (OTHER.certificate,)


def test_what_administrators_added_is_no_public_authority(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's and Fedora's certifi is the system's file, which has a company's root as well."""
    patched = here.file(OTHER, SYSTEM, name="cacert.pem")
    monkeypatch.setattr("pipway.doctor.roots._own_certifi", lambda: patched)
    here._write(here.folder / "root/usr/local/share/ca-certificates/corp.crt", SYSTEM)
    mozilla = here.machine().mozilla
    assert mozilla is not None
    assert mozilla.certificates == (OTHER.certificate,)
    assert not here.believes(here.subject("uv", "0.9"), SYSTEM)
