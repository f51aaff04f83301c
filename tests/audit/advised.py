"""Advice on pip that is common and wrong, and the good form of each: files that the audit and the real tools judge.

advice/NN-NAME.case has `# plant: PW101 pip.conf:2` lines for what must be found in the files before `=== fixed`, and
behind that the files of the good form. Of what has no such line nothing may be found. test_advice.py audits them,
tests/e2e/test_audit_advice.py runs them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.audit.casefile import Case, read
from tests.servers.distributions import make_wheel

FOLDER = Path(__file__).parent / "advice"
ADVICE = sorted(FOLDER.glob("*.case"))


def digest(name: str) -> str:
    """Of the wheel that an index of the tests has of NAME 1.0."""
    return hashlib.sha256(make_wheel(name, "1.0")).hexdigest()


def advice(path: Path) -> Case:
    """One piece of it. `{{alpha}}` and `{{beta}}` stand for digests, `{{nearly}}` for alpha's with a changed digit."""
    alpha = digest("alpha")
    known = {"alpha": alpha, "beta": digest("beta"), "nearly": alpha[:-1] + ("0" if alpha[-1] != "0" else "1")}
    case = read(path)
    for files in (case.files, case.fixed):
        for name, text in files.items():
            for word, value in known.items():
                text = text.replace("{{" + word + "}}", value)
            files[name] = text
    return case


def number(wanted: int) -> Case:
    """The one that has this number in the catalogue of wrong advice."""
    return advice(next(path for path in ADVICE if path.name.startswith(f"{wanted:02}-")))
