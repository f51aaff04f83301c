"""The memory of refused credentials: on disk, shared, and safe when it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipway.dial.rejections import Rejections
from pipway.errors import NoWayOut

WHO = ("alice", "proxy.example:8080", "ntlm")


@pytest.fixture
def memory(tmp_path: Path) -> Rejections:
    return Rejections(tmp_path / "logins", now=lambda: 1000.0)


def test_a_refusal_survives(memory: Rejections, tmp_path: Path) -> None:
    memory.reject("key", *WHO, "it offers NTLM")
    found = Rejections(tmp_path / "logins").find("key")
    assert found is not None
    assert (found.user, found.parent, found.scheme, found.state, found.when) == (*WHO, "rejected", 1000.0)
    assert (tmp_path / "logins" / "rejected.json").stat().st_mode & 0o777 == 0o600


def test_what_another_process_learns_is_known_here(memory: Rejections, tmp_path: Path) -> None:
    assert memory.find("key") is None
    code = "import sys; from pathlib import Path; from pipway.dial.rejections import Rejections; "
    code += "Rejections(Path(sys.argv[1])).reject('key', 'alice', 'p:1', 'basic', 'no')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "logins")], check=True)
    assert memory.find("key") is not None


def test_unanswered_tries_are_counted_until_an_answer_comes(memory: Rejections) -> None:
    memory.sent("key", *WHO)
    memory.sent("key", *WHO)
    found = memory.find("key")
    assert found is not None
    assert (found.state, found.tries) == ("trying", 2)
    memory.settle("key")
    assert memory.find("key") is None


def test_answers_that_do_not_judge_are_counted_apart(memory: Rejections, tmp_path: Path) -> None:
    for _ in range(3):
        memory.sent("key", *WHO)
        memory.undecided("key", "403 Forbidden")
    memory.sent("key", *WHO)
    found = Rejections(tmp_path / "logins").find("key")
    assert found is not None
    assert (found.state, found.tries, found.undecided, found.why) == ("trying", 1, 3, "403 Forbidden")


def test_an_answer_does_not_forgive_a_refusal(memory: Rejections) -> None:
    memory.reject("key", *WHO, "")
    memory.settle("key")
    memory.undecided("key", "403 Forbidden")
    found = memory.find("key")
    assert found is not None
    assert found.state == "rejected"


def test_a_person_forgets_one_user_or_all(memory: Rejections) -> None:
    memory.reject("one", *WHO, "")
    memory.reject("two", "bob", *WHO[1:], "")
    assert memory.forget("alice") == 1
    assert memory.find("one") is None
    assert memory.find("two") is not None
    assert memory.forget() == 1
    assert memory.entries() == []


def test_the_salt_is_made_once_and_kept(memory: Rejections, tmp_path: Path) -> None:
    assert memory.salt() == Rejections(tmp_path / "logins").salt()
    assert len(memory.salt()) == 16
    assert memory.salt() != Rejections(tmp_path / "other").salt()


@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"salt": "zz", "entries": {}}', '{"salt": "00", "entries": {"k": {}}}']
)
def test_a_damaged_memory_lets_nothing_be_sent(memory: Rejections, tmp_path: Path, text: str) -> None:
    """Fail safe: who cannot remember must not try."""
    (tmp_path / "logins").mkdir()
    (tmp_path / "logins" / "rejected.json").write_text(text)
    for action in (lambda: memory.find("key"), memory.salt, lambda: memory.sent("key", *WHO)):
        with pytest.raises(NoWayOut) as caught:
            action()
        assert caught.value.code == "logins-unusable"
        assert "rejected.json" in caught.value.fix


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoWayOut):
        Rejections(tmp_path / "file" / "logins").reject("key", *WHO, "")


def test_one_alone_may_make_the_first_logon(memory: Rejections, tmp_path: Path) -> None:
    with memory.first("key") as mine, Rejections(tmp_path / "logins").first("key") as theirs:
        assert (mine, theirs) == (True, False)
    with Rejections(tmp_path / "logins").first("key") as theirs:
        assert theirs


@pytest.mark.slow
def test_it_does_not_grow_for_ever(memory: Rejections) -> None:
    for number in range(300):
        memory._now = lambda number=number: float(number)  # type: ignore[misc]
        memory.reject(f"key{number}", *WHO, "")
    assert len(memory.entries()) == 256
    assert memory.find("key299") is not None
