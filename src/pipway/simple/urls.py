"""File URLs as pages write them: relative or absolute, with hashes in the fragment, now and then hostile.

Used by the readers only. What comes out is an absolute http or https URL without userinfo and fragment.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

#: The algorithms that installers know in a fragment (PEP 503 asks for those of hashlib).
HASH_NAMES = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s"} | {
    "sha3_224", "sha3_256", "sha3_384", "sha3_512"})  # fmt: skip
_HASH = re.compile(r"([a-z0-9_]{1,16})=([0-9a-fA-F]{1,256})")
#: Says that a text can be a SHA-256 digest.
is_sha256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch

#: Says that a URL is absolute, without userinfo, fragment or dot segments, and needs no quoting: most are.
is_plain = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@%?\[\]-]*+)++"
).fullmatch
#: A relative path without dot segments but leading "../", and without what could make it another kind of reference.
_RELATIVE = re.compile(r"((?:\.\./)*+)((?:(?!\.)[A-Za-z0-9._~!$&'()*+,;=@%-]++(?:/|$))++)").fullmatch
_DOTS = re.compile(r"/\.\.?(?:/|$|\?)")

URL_LIMIT = 8192
_SAFE = "/%:=&?~+!$,;'@()*[]-._"


class Base:
    """The address that a page's relative URLs start from (RFC 3986 §5.1)."""

    def __init__(self, url: str) -> None:
        self._start(url)

    def rebase(self, href: str) -> None:
        """Obey `<base href>`: later URLs start from there."""
        if len(href) <= URL_LIMIT:
            with suppress(ValueError):
                self._start(urljoin(self._url, href.strip()))

    def _start(self, url: str) -> None:
        self._url = url
        #: The folders "", "../", "../../" … of the base, as far as they can be known without the grammar.
        self._folders: list[str] = []
        tidy = self._tidy(url)
        if tidy is not None:
            origin, path = tidy[: tidy.index("/", 8)], urlsplit(tidy).path
            parts = path.split("/")[1:-1]
            self._folders = [
                origin + "/" + "".join(f"{part}/" for part in parts[:end]) for end in range(len(parts), -1, -1)
            ]

    def resolve(self, href: str) -> tuple[str, str] | None:
        """Give (absolute URL, fragment); None when it is no http(s) URL that can be fetched."""
        if len(href) > URL_LIMIT:
            return None
        plain, _, fragment = href.partition("#")
        if is_plain(plain):
            return plain, fragment
        if self._folders and (match := _RELATIVE(plain)):
            up = min(len(match[1]) // 3, len(self._folders) - 1)
            return self._folders[up] + match[2], fragment
        absolute = self._tidy(plain)
        return None if absolute is None else (absolute, fragment)

    def _tidy(self, href: str) -> str | None:
        # The URL standard drops these wherever they are; keeping them would let a line break into a header.
        href = href.strip().translate({9: None, 10: None, 13: None})
        try:
            parts = urlsplit(urljoin(self._url, href))
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not host or not href or not host.isascii():
            return None
        if not all(character.isalnum() or character in ".-:_" for character in host):
            return None
        netloc = f"[{host}]" if ":" in host else host  # userinfo is a secret and stays behind
        if port is not None:
            netloc = f"{netloc}:{port}"
        path = quote(parts.path or "/", safe=_SAFE)
        if _DOTS.search(path):
            path = urljoin(f"http://{netloc}", path)
            path = urlsplit(path).path
            if _DOTS.search(path):
                return None
        absolute = urlunsplit((parts.scheme, netloc, path, quote(parts.query, safe=_SAFE), ""))
        return absolute if len(absolute) <= URL_LIMIT else None


def fragment_hashes(fragment: str) -> dict[str, str]:
    """Give the digests of `#sha256=…` (PEP 503), empty when the fragment is something else."""
    if fragment.startswith("sha256=") and is_sha256(fragment[7:]):
        return {"sha256": fragment[7:]}
    found: dict[str, str] = {}
    for part in fragment.split("&", 8)[:8]:
        match = _HASH.fullmatch(part)
        if match and match[1] in HASH_NAMES:
            found[match[1]] = match[2]
    return found


def last_segment(url: str) -> str:
    """Give the URL's file name, decoded."""
    return unquote(urlsplit(url).path.rpartition("/")[2])
