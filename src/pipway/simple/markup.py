"""Just enough HTML: the tags that matter in a page that is a list of links, and the text of its anchors.

Used by `read_html` and `projects`. It follows the HTML standard's tokenizer and builds no tree: a tree builder needs
minutes for a few hundred kilobytes of hostile nesting, while every pattern here passes over the text once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
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


class Tag(NamedTuple):
    """A start tag: name in lower case, decoded attributes (the first of a name counts), an anchor's text."""

    name: str
    attributes: dict[str, str]
    text: str = ""


def tags(text: str) -> Iterator[Tag]:
    """Give the anchors and the other tags that matter, in document order."""
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
    return Tag("a", _decoded(attributes), _unescape(text).strip())


def _decoded(attributes: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _attributes(attributes):
        value = double or single or bare
        found.setdefault(name.lower(), _unescape(value) if "&" in value else value)
    return found


def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text
