"""Fixed strings that a pattern needs: never one that a text can do without."""

from __future__ import annotations

import re

import pytest

from pipway.doctor.catalogue import catalogue
from pipway.doctor.literals import needed


@pytest.mark.parametrize(
    ("pattern", "strings"),
    [
        (r"hello there", ("hello there",)),
        (r"hello (?:you|there)", ("hello ",)),
        (r"hello|goodbye", ("hello", "goodbye")),
        (r"hello|(?:goodbye)", ()),
        (r"colou?r wheel", ("r wheel",)),
        (r"colou+r", ("colou",)),
        (r"over\.the\s+hills", ("over.the",)),
        (r"[abc]\] found[^\]x]", ("] found",)),
        (r"(?P<a>x(?:yz)) tail\n", (" tail\n",)),
        (r"a{2}bcdef", ("bcdef",)),
        (r"abc", ()),
    ],
)
def test_what_is_needed(pattern: str, strings: tuple[str, ...]) -> None:
    assert needed(re.compile(pattern)) == strings


def test_signs_that_change_their_size_are_not_looked_for() -> None:
    assert needed(re.compile("hello there", re.IGNORECASE)) == ()


def test_every_signature_that_is_found_in_a_sample_has_what_it_needs_there() -> None:
    found = 0
    texts = [sample.text for cause in catalogue().values() for sample in cause.samples]
    for cause in catalogue().values():
        for signature in cause.signatures:
            strings = needed(signature.pattern)
            for text in texts:
                if signature.pattern.search(text):
                    found += 1
                    assert not strings or any(each in text for each in strings), signature.pattern.pattern
    assert found > 200
