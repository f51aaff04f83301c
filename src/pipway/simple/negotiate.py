"""Which form and which encoding a client wants, by its headers (RFC 9110 §12.5, PEP 691); called by `web`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Literal

Encoding = Literal["zstd", "gzip", "identity"]

#: Characters of a header that are read; more is nobody's preference.
HEADER_LIMIT = 4096
#: Entries of a header that are read.
ENTRY_LIMIT = 64

_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


class Form(Enum):
    """What a page can be sent as; the value is the media type a client asks for, most wanted first."""

    JSON = "application/vnd.pypi.simple.v1+json"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html"

    @property
    def content_type(self) -> str:
        """The value of Content-Type."""
        return "text/html; charset=utf-8" if self is Form.HTML else self.value


#: PEP 691: "latest" is asked for and never answered; the answer has the concrete type.
_FORMS = {form.value: form for form in Form} | {
    "application/vnd.pypi.simple.latest+json": Form.JSON,
    "application/vnd.pypi.simple.latest+html": Form.HTML_V1,
}


def choose_form(accept: str | None, format: str | None = None) -> Form | None:
    """Choose by `?format=` if given (its "+" may have been decoded to a space), else by Accept; None means 406.

    Among forms of equal quality a named one wins over one that only a wildcard covers, then the one that says more
    (PEP 691: text/html "only [...] as a last resort"; the order in the header means nothing). A client that takes
    anything gets text/html, like one that says nothing.
    """
    if format is not None:
        return _FORMS.get(format[:HEADER_LIMIT].strip().replace(" ", "+").lower())
    entries = list(_entries(accept or "*/*"))
    chosen: Form | None = None
    best = (0.0, 0)
    for form in (Form.HTML, Form.JSON, Form.HTML_V1):
        quality, exactness = _wish(entries, form)
        if quality > 0 and (quality, exactness) > best:
            chosen, best = form, (quality, exactness)
    named = [form for form in Form if best[1] == 2 and _wish(entries, form) == best]
    return named[0] if named else chosen


def choose_encoding(accept_encoding: str | None) -> Encoding:
    """Choose how a page is compressed: the highest quality, zstd before gzip before identity when equal.

    Identity when nothing is asked for. A client that refuses everything gets identity too (RFC 9110 §12.5.3
    lets the server send it rather than fail).
    """
    if accept_encoding is None:
        return "identity"
    wishes = {("gzip" if name == "x-gzip" else name): quality for name, quality in _entries(accept_encoding)}
    rest = wishes.get("*", 0.0)
    qualities: dict[Encoding, float] = {
        "zstd": wishes.get("zstd", rest),
        "gzip": wishes.get("gzip", rest),
        # Unless refused, identity is acceptable, but asked for only when named.
        "identity": wishes.get("identity", 0.001 if "*" not in wishes or rest > 0 else 0.0),
    }
    best = max(qualities.values())
    return next((encoding for encoding, quality in qualities.items() if quality == best > 0), "identity")


def _wish(entries: list[tuple[str, float]], form: Form) -> tuple[float, int]:
    """Give quality and exactness (2 named, 1 or 0 wildcard) of the entry that decides (RFC 9110 §12.5.1)."""
    kind = form.value.partition("/")[0] + "/*"
    best = (0.0, -1)
    for name, quality in entries:
        exactness = 2 if _FORMS.get(name) is form else 1 if name == kind else 0 if name == "*/*" else -1
        # The concrete type and "latest" name the same form: then the stronger wish counts.
        if exactness > best[1] or (exactness == best[1] == 2 and quality > best[0]):
            best = (quality, exactness)
    return best


def _entries(header: str) -> Iterator[tuple[str, float]]:
    """Give (name, quality) of each entry; an entry whose quality cannot be read counts as not wanted."""
    for entry in header[:HEADER_LIMIT].split(",")[:ENTRY_LIMIT]:
        name, *parameters = entry.split(";")
        name = name.strip().lower()
        if name:
            yield name, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            value = value.strip()
            return float(value) if _QUALITY.fullmatch(value) else 0.0
    return 1.0
