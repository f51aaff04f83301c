"""The system's GSSAPI library (RFC 2744), loaded at run time through ctypes: no compiler is needed to install pipway.

`kerberos` uses it. MIT's library, Heimdal's and Apple's framework have the same functions. Every call may wait for a
KDC: call it in a thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import platform
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any

from pipway.wire.auth.base import Unusable

_LIBRARIES = ("libgssapi_krb5.so.2", "libgssapi.so.3", "libgss.so")
_FRAMEWORK = "/System/Library/Frameworks/GSS.framework/GSS"

_CONTINUE = 1  # GSS_S_CONTINUE_NEEDED
_ERRORS = 0xFFFF0000
_BY_MAJOR, _BY_MINOR = 1, 2  # GSS_C_GSS_CODE, GSS_C_MECH_CODE
_INITIATE = 1
_INDEFINITE = 0xFFFFFFFF
_LONGEST = 1 << 20  # bytes of a token

#: Apple's headers pack these structures as in the days of PowerPC, on Intel but not on ARM.
_PACKED = sys.platform == "darwin" and platform.machine() == "x86_64"


class _Structure(ctypes.Structure):
    if _PACKED:
        _pack_ = 2
        _layout_ = "ms"  # what `_pack_` always meant, said as Python 3.14 wants it


class _Oid(_Structure):
    _fields_ = [("length", c_uint32), ("elements", c_void_p)]


class _OidSet(_Structure):
    _fields_ = [("count", c_size_t), ("elements", POINTER(_Oid))]


class _Buffer(_Structure):
    _fields_ = [("length", c_size_t), ("value", c_void_p)]


class _Element(_Structure):
    _fields_ = [("key", c_char_p), ("value", c_char_p)]


class _Store(_Structure):
    _fields_ = [("count", c_uint32), ("elements", POINTER(_Element))]


class _Bindings(_Structure):
    """RFC 2744 §3.11."""

    _fields_ = [
        ("initiator_type", c_uint32),
        ("initiator", _Buffer),
        ("acceptor_type", c_uint32),
        ("acceptor", _Buffer),
        ("application", _Buffer),
    ]


def _oid(encoded: bytes) -> _Oid:
    kept = ctypes.create_string_buffer(encoded, len(encoded))
    made = _Oid(len(encoded), ctypes.cast(kept, c_void_p))
    made.kept = kept  # alive as long as the structure that points to it
    return made


def _buffer(data: bytes) -> _Buffer:
    kept = ctypes.create_string_buffer(data, len(data) or 1)
    made = _Buffer(len(data), ctypes.cast(kept, c_void_p))
    made.kept = kept
    return made


_SPNEGO = b"\x2b\x06\x01\x05\x05\x02"  # 1.3.6.1.5.5.2 (RFC 4178)
_KRB5 = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"  # 1.2.840.113554.1.2.2 (RFC 1964)
_HOSTBASED = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04"  # 1.2.840.113554.1.2.1.4: HTTP@host
_PRINCIPAL = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01"  # 1.2.840.113554.1.2.2.1: HTTP/host@REALM


class GssError(Exception):
    """A call failed; the text is the library's own, without secrets."""


class Gssapi:
    """The few functions that an initiator needs."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._spnego = _oid(_SPNEGO)
        self._krb5 = _oid(_KRB5)

    def name(self, text: str, *, hostbased: bool) -> _Handle:
        """Import a service's or a user's name."""
        handle = _Handle(self, "gss_release_name")
        kind = _oid(_HOSTBASED if hostbased else _PRINCIPAL)
        self._call("gss_import_name", byref(_buffer(text.encode())), byref(kind), byref(handle.value))
        return handle

    # Kerberos alone first, for either kind of credential. SPNEGO's own acquiring succeeds when any mechanism's does,
    # and some systems have an NTLM one: the KDC would say no, and the proxy be shown the same wrong password. And of
    # a keytab that the KDC refuses it says only that it found nothing to negotiate.

    def password_credential(self, user: str, password: str) -> _Handle:
        """A credential that gets its ticket with a password, in memory. GssError; Unusable without MIT's library."""
        if not self._has_stores:
            # Heimdal 7 asks the KDC twice, and says "no credentials" whatever that answers: a wrong password would be
            # tried again and again. The framework of macOS is of its family.
            raise Unusable(
                "this system's Kerberos does not say whether a password is right", "kinit, or install MIT Kerberos"
            )
        self._with_password(user, password, self._krb5)
        return self._kerberos_only(self._with_password(user, password, self._spnego))

    def keytab_credential(self, user: str, keytab: str) -> _Handle:
        """A credential that gets its ticket with a keytab, in memory. GssError; Unusable without MIT's library."""
        if not self._has_stores:
            raise Unusable("this system's Kerberos takes no keytab", "kinit -k -t KEYTAB USER, or install MIT Kerberos")
        self._with_keytab(user, keytab, self._krb5)
        return self._kerberos_only(self._with_keytab(user, keytab, self._spnego))

    @property
    def _has_stores(self) -> bool:
        return hasattr(self._library, "gss_acquire_cred_from")

    def _with_password(self, user: str, password: str, mechanism: _Oid) -> _Handle:
        name = self.name(user, hostbased=False)
        handle = _Handle(self, "gss_release_cred")
        encoded = password.encode()
        secret = _buffer(encoded)
        try:
            self._call(
                "gss_acquire_cred_with_password",
                name.value,
                byref(secret),
                c_uint32(_INDEFINITE),
                byref(_OidSet(1, ctypes.pointer(mechanism))),
                c_int(_INITIATE),
                byref(handle.value),
                None,
                None,
            )
        finally:
            ctypes.memset(secret.value, 0, len(encoded))
        return handle

    def _with_keytab(self, user: str, keytab: str, mechanism: _Oid) -> _Handle:
        name = self.name(user, hostbased=False) if user else None
        handle = _Handle(self, "gss_release_cred")
        # The library never forgets a cache in memory: one for each keytab, not one for each handle.
        cache = hashlib.sha256(f"{user}\0{keytab}".encode("utf-8", "surrogateescape")).hexdigest()
        pairs = (_Element * 2)(
            _Element(b"client_keytab", b"FILE:" + os.fsencode(keytab)),
            _Element(b"ccache", f"MEMORY:pipway-{cache}".encode()),
        )
        self._call(
            "gss_acquire_cred_from",
            name.value if name else None,
            c_uint32(_INDEFINITE),
            byref(_OidSet(1, ctypes.pointer(mechanism))),
            c_int(_INITIATE),
            byref(_Store(2, pairs)),
            byref(handle.value),
            None,
            None,
        )
        return handle

    def _kerberos_only(self, credential: _Handle) -> _Handle:
        """Never let SPNEGO fall back to another mechanism (RFC 4178 §6; not every library has the function)."""
        with contextlib.suppress(GssError):
            only = _OidSet(1, ctypes.pointer(self._krb5))
            self._call("gss_set_neg_mechs", credential.value, byref(only))
        return credential

    def context(self, service: _Handle, credential: _Handle | None, channel: bytes) -> Context:
        """A new security context towards a service; without a credential the default ticket cache is used."""
        return Context(self, service, credential, channel)

    def _call(self, function: str, *arguments: Any) -> int:
        """Call; GssError with the library's words when it fails."""
        minor = c_uint32()
        try:
            called = getattr(self._library, function)
        except AttributeError:
            raise GssError(f"this GSSAPI library has no {function}") from None
        called.restype = c_uint32
        major = int(called(byref(minor), *arguments))
        if major & _ERRORS:
            raise GssError("; ".join(dict.fromkeys(self._words(major, minor.value))))
        return major

    def _words(self, major: int, minor: int) -> list[str]:
        words = []
        for code, kind in ((minor, _BY_MINOR), (major, _BY_MAJOR)):
            more, buffer, ignored = c_uint32(), _Buffer(), c_uint32()
            if kind == _BY_MINOR and not minor:
                continue
            for _ in range(4):
                status = self._library.gss_display_status(
                    byref(ignored), c_uint32(code), c_int(kind), byref(self._krb5), byref(more), byref(buffer)
                )
                if status & _ERRORS:
                    break
                words.append(ctypes.string_at(buffer.value, buffer.length).decode("utf-8", "replace").strip())
                self._library.gss_release_buffer(byref(ignored), byref(buffer))
                if not more.value:
                    break
        return words


class _Handle:
    """An opaque pointer that the library gave and that must be given back."""

    def __init__(self, gssapi: Gssapi, release: str) -> None:
        self.value = c_void_p()
        self._gssapi = gssapi
        self._release = release

    def __del__(self) -> None:
        if self.value.value and sys is not None:  # at the interpreter's end the process gives everything back itself
            getattr(self._gssapi._library, self._release)(byref(c_uint32()), byref(self.value))


class Context:
    """One login on one connection."""

    def __init__(self, gssapi: Gssapi, service: _Handle, credential: _Handle | None, channel: bytes) -> None:
        self._gssapi = gssapi
        self._service = service
        self._credential = credential
        self._handle = _ContextHandle(gssapi)
        self._bindings: _Bindings | None = None
        if channel:
            self._channel = _buffer(channel)
            self._bindings = _Bindings(0, _Buffer(), 0, _Buffer(), self._channel)

    def step(self, received: bytes | None) -> bytes:
        """Take the peer's token, give ours (b"" when there is nothing to say). GssError."""
        if received is not None and len(received) > _LONGEST:
            raise GssError("the token is too long")
        taken = _buffer(received) if received is not None else None
        token = _Buffer()
        gssapi = self._gssapi
        try:
            gssapi._call(
                "gss_init_sec_context",
                self._credential.value if self._credential else None,
                byref(self._handle.value),
                self._service.value,
                byref(gssapi._spnego),
                c_uint32(0),  # no mutual authentication: many proxies omit their half (P18)
                c_uint32(0),
                byref(self._bindings) if self._bindings else None,
                byref(taken) if taken else None,
                None,
                byref(token),
                None,
                None,
            )
            return ctypes.string_at(token.value, token.length) if token.length else b""
        finally:
            if token.value:
                gssapi._library.gss_release_buffer(byref(c_uint32()), byref(token))


class _ContextHandle(_Handle):
    def __init__(self, gssapi: Gssapi) -> None:
        super().__init__(gssapi, "gss_delete_sec_context")

    def __del__(self) -> None:
        if self.value.value and sys is not None:
            self._gssapi._library.gss_delete_sec_context(byref(c_uint32()), byref(self.value), None)


def load() -> Gssapi:
    """The library of this system. Unusable, with the package to install, when there is none."""
    found = _found()
    if found is None:
        raise Unusable(
            "Kerberos needs the system's GSSAPI library, which is not here",
            "install libgssapi-krb5-2 (Debian, Ubuntu) or krb5-libs (Fedora, RHEL), then start pipway again",
        )
    return found


@cache  # that there is none, too: find_library runs compilers and linkers
def _found() -> Gssapi | None:
    names = (_FRAMEWORK,) if sys.platform == "darwin" else _LIBRARIES
    for name in names:
        with contextlib.suppress(OSError):
            return Gssapi(ctypes.CDLL(name))
    for name in ("gssapi_krb5", "gssapi"):
        with contextlib.suppress(OSError):
            if path := ctypes.util.find_library(name):
                return Gssapi(ctypes.CDLL(path))
    return None
