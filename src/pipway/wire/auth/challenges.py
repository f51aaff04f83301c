"""Proxy-Authenticate fields to challenges (RFC 9110 §11.6.1), as lenient as proxies are careless.

`dial.login` calls it. What cannot be read is skipped: a challenge that nobody understands offers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.wire.auth.base import Challenge

_FIELDS = 32
_LENGTH = 131072  # characters of one field; Kerberos tokens of large groups reach tens of thousands
_CHALLENGES = 32
_PARAMS = 64
_NAME = 40  # characters of a scheme's name; it is shown to people

_SEPARATOR = re.compile(r"[\s,]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]++=*+(?=\s*+(?:,|$))")
_EQUALS = re.compile(r"\s*+=\s*+(?![=,]|$)")  # possessive: long blanks must not be tried at every length
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_VALUE = re.compile(r"[^\s,]*")


def parse_challenges(fields: Iterable[str]) -> tuple[Challenge, ...]:
    """Read all Proxy-Authenticate fields of an answer: several fields, several challenges in one, in any order."""
    found: list[Challenge] = []
    for number, text in enumerate(fields):
        if number == _FIELDS or len(text) > _LENGTH:
            continue
        for challenge in _challenges(text):
            if len(found) == _CHALLENGES:
                return tuple(found)
            found.append(challenge)
    return tuple(found)


def _challenges(text: str) -> Iterator[Challenge]:
    at = _skip(text, 0)
    while at < len(text):
        scheme = _TOKEN.match(text, at)
        if scheme is None:
            at = _skip(text, _VALUE.match(text, at).end() + 1)  # type: ignore[union-attr]  # matches anything
            continue
        at = scheme.end()
        token = ""
        params: dict[str, str] = {}
        if at < len(text) and text[at] in " \t":
            start = _spaces(text, at)
            if token68 := _TOKEN68.match(text, start):  # never matches name=value
                token, at = token68[0], token68.end()
            else:
                at = _params(text, start, params)
        if len(scheme[0]) <= _NAME:
            yield Challenge(scheme[0].lower(), token, params)
        at = _skip(text, at)


def _params(text: str, at: int, params: dict[str, str]) -> int:
    """Read `name=value` as long as there are any; give where the next challenge begins."""
    while True:
        name = _TOKEN.match(text, at)
        equals = _EQUALS.match(text, name.end()) if name else None
        if name is None or equals is None:
            return at  # no parameter: the next scheme begins here
        quoted = _QUOTED.match(text, equals.end())
        if quoted is not None:
            value, at = _ESCAPE.sub(r"\1", quoted[1]), quoted.end()
        else:
            plain = _VALUE.match(text, equals.end())
            assert plain is not None  # matches anything
            value, at = plain[0], plain.end()
        if len(params) < _PARAMS:
            params.setdefault(name[0].lower(), value)
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    found = _SEPARATOR.match(text, at)
    assert found is not None  # matches the empty string
    return found.end()


def _spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at
