"""The corpus: every planted problem is found, nothing else is, and nothing at all in the clean half."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from tests.audit.score import CORPUS, Plant, Score, families, score

from pipway.audit.base import Persona
from pipway.audit.rules import rules

FEWEST = 60  #: projects
FEWEST_PLANTED = 34
TIMES = 2  #: that each rule is planted
#: These look at another commit, which a folder of files has not.
COMPARING = {"PW807"}


@cache
def total() -> Score:
    return score(sorted(CORPUS.glob("*.case")))


@pytest.mark.slow
def test_the_corpus_scores_full_marks() -> None:
    assert (total().missed, total().wrong) == ([], [])


def test_the_corpus_is_large_enough() -> None:
    assert total().clean + total().planted >= FEWEST
    assert total().planted >= FEWEST_PLANTED


@pytest.mark.slow
def test_every_rule_is_planted_more_than_once() -> None:
    offline = {name for name, explained in rules().items() if not explained.rule.online} - COMPARING
    assert {name: total().plants[name] for name in sorted(offline) if total().plants[name] < TIMES} == {}


def test_a_rule_that_loses_a_plant_is_told(tmp_path: Path) -> None:
    (tmp_path / "missed.case").write_text(
        "# plant: PW101 requirements.txt:1 high\n--- requirements.txt\nflask==3.0.0\n"
    )
    (tmp_path / "wrong.case").write_text("--- pip.conf\n[global]\nindex-url = http://nexus.corp/simple\n")
    (tmp_path / "lesser.case").write_text(
        "# plant: PW101 pip.conf:2 critical\n--- pip.conf\n[global]\nindex-url = http://nexus.corp/simple\n"
    )
    found = score(sorted(tmp_path.glob("*.case")))
    assert found.missed == [
        "lesser: PW101 pip.conf:2 critical, is medium",
        "missed: PW101 requirements.txt:1 high",
    ]
    assert found.wrong == ["wrong: PW101 pip.conf:2:13 medium"]
    assert (found.plants, found.found) == (Counter({"PW101": 2}), Counter())
    assert (found.clean, found.planted, found.files) == (1, 2, 3)


def test_what_nobody_planted_is_wrong_in_the_planted_half(tmp_path: Path) -> None:
    (tmp_path / "more.case").write_text(
        "# plant: PW101 pip.conf:2 high\n--- pip.conf\n[global]\nindex-url = http://nexus.corp/simple\n"
        "trusted-host = nexus.corp\n"
    )
    found = score([tmp_path / "more.case"])
    assert found.missed == []
    assert found.wrong == ["more: PW102 pip.conf:3:1 critical"]


@pytest.mark.parametrize(
    ("text", "plant"),
    [
        ("PW101 a b/pip.conf:2 high", Plant("PW101", "a b/pip.conf", "2", "high")),
        ("PW701 pip.conf:* low pedantic", Plant("PW701", "pip.conf", "*", "low", Persona.PEDANTIC)),
    ],
)
def test_plants_are_understood(text: str, plant: Plant) -> None:
    assert Plant.understood(text) == plant


def test_families_add_up() -> None:
    lines = [*families(total())]
    assert [line.split(":")[0].strip() for line in lines] == [f"PW{number}xx" for number in range(10)]
    assert sum(int(line.split("of")[1].split(",")[0]) for line in lines) == total().plants.total()
