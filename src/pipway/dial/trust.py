"""Whom to believe: TLS contexts for outbound connections, on the roots that this machine trusts.

`app` and the dialers that speak TLS to a parent proxy call it; each leg gets its own context. Never turns
verification off.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import truststore

from pipway.errors import UsageError
from pipway.trace import Trace

#: Where systems other than the one OpenSSL was built for keep their bundle (Fedora and RHEL, SUSE, Alpine, BSD).
BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)


_MOST_FILES = 2000  # of a folder

#: Variables that name certificate authorities for other tools → whether they name a folder.
_VARIABLES = {
    "SSL_CERT_FILE": False,
    "SSL_CERT_DIR": True,
    "REQUESTS_CA_BUNDLE": False,
    "CURL_CA_BUNDLE": False,
    "PIP_CERT": False,
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where some of the roots come from."""

    path: Path | None  #: None: the operating system's own
    origin: str  #: "the operating system", a variable's name, "trust.extra_ca"
    problem: str = ""  #: why it is not used
    #: How many certificates it has; only `origins` counts them, and not in a system's own store.
    roots: int | None = None


class Trust:
    """Makes the contexts of a process; each combination of options has its own, so no leg borrows another's."""

    def __init__(
        self,
        *,
        extra: Sequence[Path] = (),
        environ: Mapping[str, str] = {},
        strict: bool | None = None,
        trace: Trace | None = None,
    ) -> None:
        """`extra` files and folders, and those that the variables of `environ` name, are believed in addition.

        `strict`: whether every rule of RFC 5280 is demanded; None is as this Python does.
        """
        self._extra = tuple(extra)
        self._environ = environ
        self._strict = strict
        self._trace = trace
        self._contexts: dict[tuple[Path | None, Path | None], ssl.SSLContext] = {}
        self._unfit: dict[Path, str] = {}
        self._told = False

    def sources(self) -> list[Source]:
        """What is believed and who said so; a variable that names nothing readable is a remark, not an error."""
        found = [Source(None, "the operating system"), *(Source(path, "trust.extra_ca") for path in self._extra)]
        for name in _VARIABLES:
            text = self._environ.get(name, "")
            # OpenSSL takes several folders in SSL_CERT_DIR.
            for part in text.split(os.pathsep) if name == "SSL_CERT_DIR" else [text]:
                path = Path(part).expanduser()
                if part and not any(source.path == path for source in found):
                    problem = "" if os.access(path, os.R_OK) else "it does not exist or cannot be read"
                    found.append(Source(path, name, problem or self._unfit.get(path, "")))
        return found

    async def origins(self) -> list[Source]:
        """`sources`, each read and its roots counted: for people, not for connections."""
        return await asyncio.to_thread(lambda: [_counted(source) for source in self.sources()])

    async def context(self, *, ca: Path | None = None, client_certificate: Path | None = None) -> ssl.SSLContext:
        """A verifying context, kept for the next time. UsageError when a file cannot be used.

        `ca` is believed in addition; `client_certificate` is a PEM file with a certificate and its key.
        """
        key = (ca, client_certificate)
        found = self._contexts.get(key)
        if found is None:
            found = await asyncio.to_thread(self._make, ca, client_certificate)
            self._tell()
            found = self._contexts.setdefault(key, found)
        return found

    def _make(self, ca: Path | None, client_certificate: Path | None) -> ssl.SSLContext:
        context = client_context(extra_ca=ca)
        for source in self.sources():
            if source.path is not None and not source.problem:
                try:
                    add_roots(context, source.path)
                except UsageError as error:
                    if source.origin not in _VARIABLES:
                        raise
                    self._unfit[source.path] = error.why  # another tool's file: a remark, told by `sources`
        if self._strict is not None and hasattr(ssl, "VERIFY_X509_STRICT"):
            flags = context.verify_flags
            strict = ssl.VERIFY_X509_STRICT
            context.verify_flags = flags | strict if self._strict else flags & ~strict
        if client_certificate is not None:
            _show(context, client_certificate)
        return context

    def _tell(self) -> None:
        if self._trace is not None and not self._told:
            self._told = True
            for source in self.sources():
                if source.problem:
                    self._trace.emit("trust.ignored", origin=source.origin, path=str(source.path), why=source.problem)


def client_context(*, extra_ca: Path | None = None) -> ssl.SSLContext:
    """Give a verifying client context that offers HTTP/1.1 (ALPN, RFC 7301).

    `extra_ca` is a PEM file or a folder of them, believed in addition. Takes some 20 ms: make one and keep it.
    UsageError when it cannot be read.
    """
    if sys.platform in ("win32", "darwin"):
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        # Elsewhere truststore reads the same bundle as OpenSSL, but anew for every connection (20 ms measured).
        # The places are given, so that OpenSSL does not look for SSL_CERT_FILE and SSL_CERT_DIR itself: it believes
        # those *instead* of the system's roots, and `Trust` adds them.
        places = ssl.get_default_verify_paths()
        bundle = next((path for path in (Path(places.openssl_cafile), *BUNDLES) if path.is_file()), None)
        context = ssl.create_default_context(cafile=bundle, capath=places.openssl_capath)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if extra_ca is not None:
        add_roots(context, extra_ca)
    return context


def add_roots(context: ssl.SSLContext, path: Path) -> None:
    """Believe a PEM file, or every PEM file of a folder, in addition. UsageError when there is nothing to believe."""
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    loaded = 0
    failure: OSError | None = None
    for file in files[:_MOST_FILES]:
        try:
            context.load_verify_locations(cafile=file)
            loaded += 1
        except OSError as error:  # ssl.SSLError is one: no PEM file
            failure = error
    if not loaded:
        if failure is None:
            why = "the folder holds none"
        else:
            why = "it is not a PEM file" if isinstance(failure, ssl.SSLError) else failure.strerror or ""
        raise UsageError(
            "bad-ca-file",
            f"cannot use {path} as certificate authorities",
            why=why or "it cannot be read",
            fix="give a file with one or more BEGIN CERTIFICATE blocks",
        )


def _show(context: ssl.SSLContext, path: Path) -> None:
    """Take a client certificate and its key from one PEM file."""

    def no_password() -> str:
        raise UsageError(
            "bad-client-certificate",
            f"the key in {path} is encrypted",
            fix=f"store it without a password, readable by you alone: openssl pkey -in {path} -out key.pem",
        )

    try:
        context.load_cert_chain(path, password=no_password)
    except OSError as error:
        text = str(error)
        why = (
            error.strerror
            if isinstance(error, FileNotFoundError | PermissionError)
            else "it has no certificate or no key"
        )
        if "MISMATCH" in text.upper():
            why = "its key does not belong to its certificate"
        raise UsageError(
            "bad-client-certificate",
            f"cannot use the client certificate {path}",
            why=why or "it cannot be read",
            fix="give one PEM file with the certificate, its chain and the key",
        ) from None


def _counted(source: Source) -> Source:
    if source.problem:
        return source
    if source.path is None:
        own = sys.platform not in ("win32", "darwin")  # truststore asks the system, which does not tell
        return replace(source, roots=client_context().cert_store_stats()["x509_ca"] if own else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        add_roots(context, source.path)
    except UsageError as error:
        return replace(source, problem=error.why)
    return replace(source, roots=context.cert_store_stats()["x509_ca"])
