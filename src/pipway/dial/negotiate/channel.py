"""Channel bindings of the TLS leg to a parent (RFC 5929 §4): they tie a login to the certificate that was seen.

`via_http` computes them once per connection; NTLM and Kerberos put them into their tokens.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import lru_cache


@lru_cache(maxsize=16)
def channel_binding(der: bytes) -> bytes:
    """`tls-server-end-point:` and the hash of the certificate, hashed as its signature is (§4.1: SHA-256 for SHA-1)."""
    return b"tls-server-end-point:" + hashlib.new(_hash_name(der), der).digest()


def _hash_name(der: bytes) -> str:
    try:
        x509 = importlib.import_module("cryptography.x509")
        algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except Exception:  # no cryptography, or it is stricter or older than the TLS library that took this certificate
        return "sha256"  # what nearly every certificate is signed with
    # Ed25519 and Ed448 name no hash, and RFC 5929 leaves the binding undefined then: SHA-256 is what others use.
    name = str(algorithm.name).replace("-", "_") if algorithm is not None else "sha256"
    return name if name not in ("md5", "sha1") and name in hashlib.algorithms_available else "sha256"
