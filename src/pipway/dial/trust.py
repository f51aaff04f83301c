"""Whom to believe: TLS contexts for outbound connections, on the roots that this machine trusts.

`app` and the dialers that speak TLS to a parent proxy call it; each leg gets its own context. Never turns
verification off.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import truststore

from pipway.errors import UsageError

#: Where systems other than the one OpenSSL was built for keep their bundle (Fedora and RHEL, SUSE, Alpine, BSD).
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)


def client_context(*, extra_ca: Path | None = None) -> ssl.SSLContext:
    """Give a verifying client context that offers HTTP/1.1 (ALPN, RFC 7301).

    `extra_ca` is a PEM file whose roots are believed in addition. Takes some 20 ms: make one and keep it.
    UsageError when the file cannot be read.
    """
    if sys.platform in ("win32", "darwin"):
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        # Elsewhere truststore reads the same bundle as OpenSSL, but anew for every connection (20 ms measured).
        context = ssl.create_default_context()
        if not context.cert_store_stats()["x509_ca"]:
            _load_bundle(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if extra_ca is not None:
        try:
            context.load_verify_locations(cafile=extra_ca)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                "bad-ca-file",
                f"cannot use {extra_ca} as certificate authorities",
                why=getattr(error, "strerror", None) or "it is not a PEM file",
                fix="give a file with one or more BEGIN CERTIFICATE blocks",
            ) from None
    return context


def _load_bundle(context: ssl.SSLContext) -> None:
    for bundle in _BUNDLES:
        if bundle.is_file():
            context.load_verify_locations(cafile=bundle)
            return
