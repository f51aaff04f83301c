"""Digest (RFC 7616): proves the password without sending it, once per request.

`dial.login` keeps one object per parent and user, so that a nonce serves many requests and connections. Pure: the
client's nonces are an argument.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from pipway.wire.auth.base import Asked, Challenge, Login, Rejected, Unusable
from pipway.wire.auth.challenges import parse_challenges

#: Strongest first (RFC 7616 §3.7: the client chooses what it supports).
_HASHES: Mapping[str, str] = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
_STALE = 3  # nonces in a row that are stale at once: the parent's clock or memory is broken
_NC_LIMIT = 0xFFFFFFFF


class Digest:
    """Conforms to `base.Scheme`."""

    name = "digest"
    per_connection = False
    blocking = False

    def __init__(self, user: str, password: str, *, cnonce: Callable[[], str]) -> None:
        """`cnonce` gives fresh random text without quotes."""
        self._user = user
        self._password = password
        self._cnonce = cnonce
        self._challenge: Challenge | None = None
        self._count = 0
        self._session = ("", "")  # nonce and cnonce of the key of -sess

    @property
    def ready(self) -> bool:
        """Whether a nonce is known."""
        return self._challenge is not None

    def login(self, asked: Asked, offered: Sequence[Challenge] = ()) -> Login:
        """One value; more only while the parent says that the nonce is stale (RFC 7616 §3.3)."""
        if any("\ud800" <= char <= "\udfff" for char in self._user + self._password):
            raise Unusable("user or password is broken UTF-8", "store the password again")
        if offered:
            self._take(offered)
        for _ in range(_STALE):
            offered = yield self._value(asked)
            # Only the word `stale` says that the password was not what displeased: without it, it is not sent again.
            if not any(_is_stale(challenge) for challenge in offered):
                self._challenge = None
                raise Rejected("user or password is wrong")
            self._take(offered)
        raise Unusable("the proxy calls every fresh nonce stale", "its administrator must look at its clock")

    def informed(self, info: str) -> None:
        """Take the next nonce (RFC 7616 §3.5), where there is one, and save the refusal of a stale one."""
        found = parse_challenges([f"Digest {info}"])
        nonce = found[0].params.get("nextnonce") if found else None
        if nonce and self._challenge is not None and nonce != self._challenge.params["nonce"]:
            # RFC 7616 §3.6: only a challenge begins a session, so the key of -sess stays.
            params = {**self._challenge.params, "nonce": nonce}
            self._challenge, self._count = replace(self._challenge, params=params), 0

    def _take(self, offered: Sequence[Challenge]) -> None:
        challenge = _strongest(offered)
        if self._challenge is None or challenge.params["nonce"] != self._challenge.params["nonce"]:
            self._challenge, self._count = challenge, 0
            self._session = (challenge.params["nonce"], self._cnonce())

    def _value(self, asked: Asked) -> str:
        challenge = self._challenge
        if challenge is None:
            raise Unusable("Digest cannot begin before the proxy has sent a nonce")
        params = challenge.params
        algorithm = params.get("algorithm", "MD5")
        base, session = _algorithm(algorithm)
        self._count = self._count % _NC_LIMIT + 1
        nonce, realm, count = params["nonce"], params.get("realm", ""), f"{self._count:08x}"
        # RFC 7616 §3.4.2: a session key is made once per challenge; servers that remember it know the first cnonce only
        cnonce = self._session[1] if session else self._cnonce()
        secret = _hash(base, self._user.encode(), _octets(realm), self._password.encode())
        if session:
            secret = _hash(base, secret, *self._session)
        request = _hash(base, asked.method, asked.uri)
        fields = [*self._name(base, params), ("realm", _quoted(realm)), ("nonce", _quoted(nonce))]
        fields.append(("uri", _quoted(asked.uri)))
        if "qop" in params:
            response = _hash(base, secret, nonce, count, cnonce, "auth", request)
            fields += [("qop", "auth"), ("nc", count)]
        else:  # RFC 2069, as old proxies speak it
            response = _hash(base, secret, nonce, request)
        if "qop" in params or session:
            fields.append(("cnonce", _quoted(cnonce)))
        fields.append(("response", _quoted(response)))
        if "algorithm" in params:
            fields.append(("algorithm", algorithm))
        if "opaque" in params:
            fields.append(("opaque", _quoted(params["opaque"])))
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields)

    def _name(self, base: str, params: Mapping[str, str]) -> list[tuple[str, str]]:
        """How the user is named (RFC 7616 §3.4.4: hashed where asked for, extended notation where not ASCII)."""
        if params.get("userhash", "").lower() == "true":
            hashed = _hash(base, self._user.encode(), _octets(params.get("realm", "")))
            return [("username", _quoted(hashed)), ("userhash", "true")]
        if self._user.isascii() and self._user.isprintable():
            return [("username", _quoted(self._user))]
        return [("username*", f"UTF-8''{quote(self._user, safe='')}")]


def _strongest(offered: Sequence[Challenge]) -> Challenge:
    """The best Digest challenge that can be answered; Unusable when there is none."""
    usable: dict[str, Challenge] = {}
    for challenge in offered:
        if challenge.scheme == "digest" and challenge.params.get("nonce"):
            qop = challenge.params.get("qop")
            known = qop is None or "auth" in re.split(r"[\s,]+", qop.lower())
            base = challenge.params.get("algorithm", "MD5").upper().removesuffix("-SESS")
            if known and _HASHES.get(base) in hashlib.algorithms_available:
                usable.setdefault(base, challenge)
    for base in _HASHES:
        if base in usable:
            return usable[base]
    raise Unusable("it offers Digest only in a form that is not supported (unknown algorithm, or auth-int alone)")


def _is_stale(challenge: Challenge) -> bool:
    return challenge.scheme == "digest" and challenge.params.get("stale", "").lower() == "true"


def _algorithm(text: str) -> tuple[str, bool]:
    upper = text.upper()
    return _HASHES[upper.removesuffix("-SESS")], upper.endswith("-SESS")


def _hash(name: str, *parts: str | bytes) -> str:
    octets = b":".join(part if isinstance(part, bytes) else _octets(part) for part in parts)
    return hashlib.new(name, octets, usedforsecurity=False).hexdigest()


def _octets(text: str) -> bytes:
    """The bytes of a header's text as they came: fields are read as latin-1, whatever the proxy meant."""
    return text.encode("latin-1", "replace")


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
