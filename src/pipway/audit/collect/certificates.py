"""PEM files: whether they hold certificate authorities, a private key, and how long they are good for.

PW110 asks it about the file that `cert` names. No key and no name leaves here. What reads certificates is loaded with
the first file that has one: its library takes longer to load than all collectors together.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from pipway.audit.collect.text import cut
from pipway.audit.facts import Fact, Note, Source, Span
from pipway.audit.walk import Tree

KIND = "certificates"

_MOST = 500  # certificates of one file
_LONGEST = 20_000  # characters of one
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_KEY = re.compile(r"-----BEGIN (?:[A-Z]{2,9} ){0,2}PRIVATE KEY-----")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """One note for the file: how many certificates, whether one is an authority, the last day of the last one."""
    key = _KEY.search(source.text)
    every = list(_certificates(source.text))
    if len(every) > _MOST:
        yield cut(source, f"more than {_MOST} certificates")
    traits = {"key": str(key is not None).lower(), **_said(every[:_MOST])}
    place = key.start() if key is not None else 0
    yield Note("certificate-file", Span(source, place, place), PurePosixPath(source.path).name, traits)


def _certificates(text: str) -> Iterator[str]:
    at = text.find(_BEGIN)
    for _ in range(_MOST + 1):
        end = text.find(_END, at, at + _LONGEST)
        if at < 0 or end < 0:
            return
        yield text[at : end + len(_END)]
        at = text.find(_BEGIN, end)


def _said(certificates: list[str]) -> Mapping[str, str]:
    if not certificates:
        return {"certificates": "0", "authority": "false", "until": ""}
    reader = importlib.import_module("pipway.audit.pem")
    return cast(Mapping[str, str], reader.traits(certificates))
