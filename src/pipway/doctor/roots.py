"""Which certificate authorities an installer believes: its own list, the system's, or a file that somebody named.

The tls probe calls it. The rules by version stand in `clients/pip_facts.py`. uv carries Mozilla's list inside its
program, where nobody can read it: certifi's, which is the same list of another day, stands for it.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from pipway.clients import pip_facts
from pipway.clients.base import Effective, Installed, Setting, Surroundings
from pipway.clients.here import running
from pipway.dial.trust import BUNDLES
from pipway.doctor.base import Subject
from pipway.doctor.chain import Rules

#: Variables that name authorities for some tool.
VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
#: Where administrators put a company's root.
_PUT = ("/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors", "/usr/share/pki/trust/anchors")
_LARGEST = 16 * 2**20  # bytes of a file with authorities
_MOST_FILES = 2000
_HASHED = re.compile(r"[0-9a-f]{8}\.\d{1,2}")  # what OpenSSL reads of a folder
_PEM = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----.*?-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL)
_WHOLE = 50  # certificates that only a whole list of public authorities has

#: What a Python says of where its OpenSSL and its packages look.
_ASK = """
import importlib.util, json, os, ssl
def where(name):
    try:
        return os.path.join(os.path.dirname(importlib.util.find_spec(name).origin), "cacert.pem")
    except Exception:
        return ""
paths = ssl.get_default_verify_paths()
print(json.dumps([paths.openssl_cafile, paths.openssl_capath, where("pip._vendor.certifi"), where("certifi")]))
"""


_OWN, _SYSTEM = "its own list (certifi)", "the operating system"


@dataclass(frozen=True)
class Source:
    """A file or folder with authorities."""

    path: Path
    origin: str  #: a variable's name, "the operating system", "certifi", where it was found
    hashed: bool = False  #: of a folder, only names that OpenSSL would look for

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """What is in it; () when it cannot be used."""
        try:
            files = _files(self.path, hashed=self.hashed)
            return tuple(dict.fromkeys(each for file in files for each in _read(file)))
        except OSError:
            return ()

    @property
    def problem(self) -> str:
        """Why it cannot be used."""
        if not self.path.exists():
            return "does not exist"
        if not os.access(self.path, os.R_OK):
            return "cannot be read"
        return "" if self.certificates else "holds no certificate"

    @property
    def whole(self) -> bool:
        """Whether it has the public authorities, too."""
        return len(self.certificates) >= _WHOLE


@dataclass(frozen=True, slots=True)
class Roots:
    """What one installer believes when it asks the index."""

    sources: tuple[Source, ...]
    says: str  #: in words: whose list it is
    rules: Rules = "openssl"
    named: Source | None = None  #: the file that somebody named for it
    fatal: bool = False  #: whether it stops when that file cannot be used

    @property
    def certificates(self) -> frozenset[x509.Certificate]:
        """All of them."""
        return frozenset(each for source in self.sources for each in source.certificates)


@dataclass(frozen=True, slots=True)
class _Python:
    """Where the Python that an installer runs on looks."""

    cafile: Path
    capath: Path
    certifi: Path | None = field(default=None)


class Machine:
    """Who believes whom here. Each Python is asked once, each file is read once."""

    def __init__(self, surroundings: Surroundings, subjects: Sequence[Subject]) -> None:
        self._surroundings = surroundings
        self._pythons: dict[str, _Python | None] = {}
        self._sources: dict[tuple[Path, bool], Source] = {}
        #: Mozilla's list, as some certifi on this machine has it; None when there is none
        self.mozilla = self._mozilla(subjects)

    def of(self, subject: Subject, *, proxied: bool) -> Roots:
        """What this installer believes when it asks the index."""
        if subject.name == "pip":
            return self._pip(subject, proxied=proxied)
        if subject.name == "uv":
            return self._uv(subject)
        named = self._named(subject.effective.get(Setting.CA))
        rules: Rules = "openssl"
        if subject.installed and subject.installed.python and pip_facts.at_least(subject.installed.python, "3.13"):
            rules = "strict"  # urllib3 2 as this Python does; pip is not (tried with 26.3 on 3.13)
        if named is not None:
            return Roots((named,), str(named.path), rules, named, fatal=True)
        return Roots(self._certifi(subject), _OWN, rules)

    def system(self) -> tuple[Source, ...]:
        """The operating system's store."""
        return self._defaults(_own_python(), {})

    def bundle(self) -> Path | None:
        """The system's own file with all authorities."""
        places = map(self._surroundings.under_root, map(str, BUNDLES))
        return next((path for path in places if path.is_file()), None)

    def elsewhere(self, given: Sequence[Path]) -> list[Source]:
        """Other places where a company's root may lie: what a person gave, what variables name, where it is put."""
        environ = self._surroundings.environ
        found = [self.source(path, "--ca") for path in given]
        found += [self.source(Path(environ[name]).expanduser(), name) for name in VARIABLES if environ.get(name)]
        return found + self._put()

    def source(self, path: Path, origin: str, *, hashed: bool = False) -> Source:
        """A file or folder, read once however many believe it."""
        known = self._sources.get((path, hashed))
        if known is None:
            known = self._sources[path, hashed] = Source(path, origin, hashed)
        if known.origin == origin:
            return known
        other = Source(path, origin, hashed)
        other.__dict__["certificates"] = known.certificates
        return other

    def _mozilla(self, subjects: Sequence[Subject]) -> Source | None:
        for subject in subjects:
            python = self._python(subject)
            if python is not None and python.certifi is not None:
                return self._public(self.source(python.certifi, "certifi"))
        own = _own_certifi()
        return self._public(self.source(own, "certifi")) if own else None

    def _public(self, source: Source) -> Source:
        """Without what an administrator added: the certifi of Debian's and Fedora's packages is the system's file."""
        added = {each for one in self._put() for each in one.certificates}
        if not added.intersection(source.certificates):
            return source
        public = Source(source.path, source.origin)
        public.__dict__["certificates"] = tuple(each for each in source.certificates if each not in added)
        return public

    def _put(self) -> list[Source]:
        """The files that administrators put a company's root into."""
        places = [place for place in map(self._surroundings.under_root, _PUT) if place.is_dir()]
        return [self.source(file, str(place)) for place in places for file in _files(place, hashed=False)]

    def _certifi(self, subject: Subject) -> tuple[Source, ...]:
        python = self._python(subject)
        own = self.source(python.certifi, "certifi") if python and python.certifi else self.mozilla
        return (own,) if own else ()

    def _pip(self, subject: Subject, *, proxied: bool) -> Roots:
        """With truststore certifi, the system and a named file add up; without it that file stands alone (tried)."""
        version, runs_on = subject.version, subject.installed.python if subject.installed else ""
        called = self._surroundings.command
        environ = self._surroundings.environ
        legacy = "legacy-certs" in " ".join((*called, environ.get("PIP_USE_DEPRECATED", "")))
        opted_in = "truststore" in " ".join((*called, environ.get("PIP_USE_FEATURE", "")))
        named = self._named(subject.effective.get(Setting.CA))
        beside = named if named is not None and named.origin == "SSL_CERT_FILE" else None
        if beside is not None:
            named = None

        def believes(*, proxied: bool) -> bool:
            return pip_facts.uses_system_roots(version, runs_on, proxied=proxied, opted_in=opted_in, legacy=legacy)

        python = self._python(subject) or _own_python()
        if believes(proxied=proxied):
            sources = (*self._certifi(subject), *self._defaults(python, environ), *((named,) if named else ()))
            return Roots(sources, f"{_OWN} and the system's", named=named or beside, fatal=named is not None)
        if named is not None:
            return Roots((named,), str(named.path), named=named, fatal=True)
        if proxied and believes(proxied=False):
            # #13288: urllib3 makes a context of its own, with what OpenSSL was built to read, without certifi (tried)
            sources = self._defaults(python, environ, fallback=False)
            return Roots(sources, "what its OpenSSL reads by itself", named=beside)
        return Roots(self._certifi(subject), _OWN)

    def _uv(self, subject: Subject) -> Roots:
        effective = subject.effective.get(Setting.CA)
        named = self._named(effective)
        if named is not None:
            return Roots((named,), str(named.path), "webpki", named)
        if effective is not None and effective.value == "system":
            return Roots(self.system(), "the system's", "webpki")
        return Roots((self.mozilla,) if self.mozilla else (), "its own list (Mozilla's)", "webpki")

    def _named(self, effective: Effective | None) -> Source | None:
        """The file or folder that wins, when somebody names one."""
        if effective is None or not effective.entries or not re.search(r"[/\\.]", effective.value):
            return None
        key = effective.entries[0].key or str(effective.entries[0].place)
        return self.source(Path(effective.value).expanduser(), key)

    def _defaults(self, python: _Python, environ: Mapping[str, str], *, fallback: bool = True) -> tuple[Source, ...]:
        """As OpenSSL looks; truststore looks in further places when there is nothing (`fallback`)."""
        if sys.platform in ("win32", "darwin"):
            return (_Listed(Path("/"), _SYSTEM),)
        under = self._surroundings.under_root
        file, folder = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
        files = self.source(Path(file) if file else under(str(python.cafile)), "SSL_CERT_FILE" if file else _SYSTEM)
        folders = self.source(Path(folder) if folder else under(str(python.capath)), _SYSTEM, hashed=True)
        found = [each for each, there in ((files, files.path.is_file()), (folders, folders.path.is_dir())) if there]
        if not any(source.certificates for source in found) and fallback and (path := self.bundle()):
            found.append(self.source(path, _SYSTEM))
        return tuple(found)

    def _python(self, subject: Subject) -> _Python | None:
        """Ask the Python that it runs on; a tenth of a second. None when it has none, or does not say."""
        program = _interpreter(subject.installed) if subject.installed else None
        if program is None:
            return None
        key = f"{program} {subject.name}"
        if key not in self._pythons:
            answer = running(self._surroundings, [program, "-c", _ASK])
            self._pythons[key] = _understood(answer, vendored=subject.name == "pip")
        return self._pythons[key]


class _Listed(Source):
    """A store that is no file: what Python can list of it."""

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        return tuple(map(x509.load_der_x509_certificate, context.get_ca_certs(binary_form=True)))


def _own_python() -> _Python:
    places = ssl.get_default_verify_paths()
    return _Python(Path(places.openssl_cafile), Path(places.openssl_capath))


def _understood(answer: str, *, vendored: bool) -> _Python | None:
    try:
        cafile, capath, inside, beside = json.loads(answer or "[]")
    except ValueError:
        return None
    wanted = (inside, beside) if vendored else (beside,)
    certifi = next((Path(each) for each in wanted if each and Path(each).is_file()), None)
    return _Python(Path(cafile), Path(capath), certifi)


def _interpreter(installed: Installed) -> str | None:
    if "-m" in installed.command[1:]:
        return installed.command[0]
    try:
        with Path(installed.command[0]).open("rb") as file:
            first = file.readline(512)
    except (OSError, IndexError):
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].decode("utf-8", "replace").split()
    name = words[0] if words else ""
    return name if "python" in Path(name).name and Path(name).is_file() else None


def _own_certifi() -> Path | None:
    """The list of a certifi, or of a pip, beside pipway."""
    for name, inside in (("certifi", "cacert.pem"), ("pip", "_vendor/certifi/cacert.pem")):
        spec = find_spec(name)
        if spec is not None and spec.origin and (path := Path(spec.origin).parent / inside).is_file():
            return path
    return None


def _files(path: Path, *, hashed: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and (not hashed or _HASHED.fullmatch(file.name)))
    return files[:_MOST_FILES]


def _read(path: Path) -> list[x509.Certificate]:
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # old roots have odd serial numbers
        for block in _PEM.findall(data):
            try:
                found.append(x509.load_pem_x509_certificate(block))
            except ValueError:  # one that this library cannot read; OpenSSL goes on, too
                continue
    return found
