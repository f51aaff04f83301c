"""The corpus: every planted problem is found, and nothing in the clean half."""

from __future__ import annotations

from pathlib import Path

from tests.audit.score import CORPUS, score


def test_the_corpus_scores_full_marks() -> None:
    total = score(sorted(CORPUS.glob("*.case")))
    assert (total.missed, total.wrong) == ([], [])
    assert total.clean and total.planted


def test_what_is_missed_and_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "missed.case").write_text("# plant: PW101 requirements.txt:1\n--- requirements.txt\nflask==3.0.0\n")
    (tmp_path / "wrong.case").write_text("--- pip.conf\n[global]\nindex-url = http://nexus.corp/simple\n")
    total = score(sorted(tmp_path.glob("*.case")))
    assert total.missed == ["missed: PW101 requirements.txt:1"]
    assert "wrong: PW101 pip.conf:2:13" in total.wrong
