"""Just enough HTML: the tags that matter in a page that is a list of links, and the text of its anchors.

Used by `read_html` and `projects`. It follows the HTML standard's tokenizer and builds no tree: a tree builder needs
minutes for a few hundred kilobytes of hostile nesting, while every pattern here passes over the text once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

#: HTML §13.2.5.32-39: a name, then perhaps a value in double, single or no quotes. The end of the text ends
#: everything (\Z), and nothing backtracks (possessive quantifiers), so no input is read twice.
_ATTRIBUTE = (
    r"[ \t\n\f\r/]*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    r"""(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+)|))?+"""
)
_attributes = re.compile(_ATTRIBUTE).findall

_TOKEN = re.compile(
    r"<(?:"
    r"(/?[a-z][^ \t\n\f\r/>]*+)"  # 1: a tag's name
    r"((?:" + _ATTRIBUTE.replace("([", "(?:[") + r")*+)[ \t\n\f\r/]*+(?:(>)|\Z)"  # 2: attributes, 3: the tag has an end
    r"|!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|[!?/][^>]*+(?:>|\Z)"  # doctype and bogus comments
    r")([^<]*+)(</a>[ \t\n\r]*+(?:<br ?/?>)?+)?+",  # 4: the text behind it, 5: the end of an anchor right there
    re.IGNORECASE | re.DOTALL,
)

#: Their content is text, whatever it looks like (HTML §13.2.6.2); an end of it that is missing is the text's end.
_RAW = {
    name: re.compile(rf"</{name}[ \t\n\f\r/>]", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
}
#: Yielded beside anchors: what changes the meaning of links, and what shows that this is no index.
_WANTED = frozenset({"base", "meta", "form", "input", "script"})

#: Bounded in digits, because `int` refuses thousands of them. Without ";" a reference may be part of a URL's query.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)")

#: What nearly always stands before an attribute's value.
_PLAIN_NAME = re.compile(r"[ \t\n\f\r]+([A-Za-z][A-Za-z-]*)=")

#: Characters of one tag's attributes and of one anchor's text.
TAG_LIMIT = 64 << 10


class MarkupError(ValueError):
    """A tag is too long to be believed."""


class Tag(NamedTuple):
    """A start tag: name in lower case, decoded attributes (the first of a name counts), an anchor's text."""

    name: str
    attributes: dict[str, str]
    text: str = ""


def tags(text: str) -> Iterator[Tag]:
    """Give the anchors and the other tags that matter, in document order. Raises MarkupError."""
    search = _TOKEN.search
    anchor: str | None = None  # attributes of the anchor that is open
    parts: list[str] = []
    at = 0
    while match := search(text, at):
        at = match.end()
        name, attributes, ended, behind, closes = match.groups()
        name = name.lower() if name else ""
        if name and not ended:
            break  # the text ends inside a tag, which is then none
        if name == "a" or name == "/a":
            if anchor is not None:
                yield _anchor(anchor, parts)
            anchor, parts = (attributes, [behind]) if name == "a" else (None, parts)
        elif name in _RAW:
            end = _RAW[name].search(text, match.start(4))
            at, closes = (end.start(), None) if end else (len(text), None)
            behind = ""
        if anchor is not None and name != "a":
            parts.append(behind)
        if name in _WANTED:
            yield Tag(name, _decoded(attributes))
        if closes and anchor is not None:
            yield _anchor(anchor, parts)
            anchor = None
    if anchor is not None:
        yield _anchor(anchor, parts)


def _anchor(attributes: str, parts: list[str]) -> Tag:
    text = parts[0] if len(parts) == 1 else "".join(parts)
    if len(text) > TAG_LIMIT:
        raise MarkupError(f"a link's text is longer than {TAG_LIMIT >> 10} KiB")
    return Tag("a", _decoded(attributes), _unescape(text).strip())


def _decoded(attributes: str) -> dict[str, str]:
    if len(attributes) > TAG_LIMIT:
        raise MarkupError(f"a tag is longer than {TAG_LIMIT >> 10} KiB")
    pieces = attributes.split('"')
    found: dict[str, str] = {}
    names = [_plain_name(piece) for piece in pieces[:-1:2]]
    if "" not in names and not pieces[-1].strip("/ \t\n\f\r") and len(set(names)) == len(names):
        found = dict(zip(names, pieces[1::2], strict=True))
    else:  # other quotes, no quotes, a name twice: the grammar knows; the first of a name counts (HTML §13.2.5.33)
        for name, double, single, bare in _attributes(attributes):
            found.setdefault(name.lower(), double or single or bare)
    if "&" in attributes:
        for name, value in found.items():
            if "&" in value:
                found[name] = _unescape(value)
    return found


@lru_cache(maxsize=256)
def _plain_name(text: str) -> str:
    """Give the attribute's name from what stands before its opening quote, "" when it is not just that."""
    match = _PLAIN_NAME.fullmatch(text)
    return match[1].lower() if match else ""


@lru_cache(maxsize=1024)
def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text
