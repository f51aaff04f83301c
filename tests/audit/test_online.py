"""What is asked of a server, how often, within which bounds, and what becomes of answers that nobody understands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.audit.canned import SERVER, Answered, Canned, answered, asked

from pipway.audit.facts import Project
from pipway.audit.online.answers import Answers, Behind, Verdict
from pipway.audit.online.ask import Asked, Limits, ask
from pipway.audit.online.pages import needs, offers, page_of
from pipway.audit.online.questions import Wanted, version_of
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.errors import Unavailable, UsageError

DIGEST = "58cd2187c01e70e6e26505bca751777aa9f2ee0b7f4300988b709f44e013003f"
FILES = "../../files/https/files.example"


def locked(root: Path, *names: str) -> Project:
    """A hashed requirements file and a lock that name each project."""
    (root / "requirements.txt").write_text("".join(f"{name}==1.0 --hash=sha256:{DIGEST}\n" for name in names))
    (root / "poetry.lock").write_text(
        "".join(
            f'[[package]]\nname = "{name}"\nversion = "1.0"\nfiles = [\n'
            f'    {{file = "{name}-1.0.tar.gz", hash = "sha256:{DIGEST}"}},\n]\n'
            for name in names
        )
    )
    return collect(Tree(root))


def page(name: str, **more: object) -> str:
    """One with a wheel, as pipway writes it."""
    wheel = f"{name}-1.0-py3-none-any.whl"
    known = {"filename": wheel, "url": f"{FILES}/{wheel}", "hashes": {"sha256": DIGEST}, "core-metadata": True}
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": [known | more]})


async def test_each_project_is_asked_once_and_only_what_is_needed(tmp_path: Path) -> None:
    """However many files, locks and spellings name it."""
    client = Canned({"simple/a.json": page("a"), "simple/b.json": page("b"), "indexes.json": '{"indexes": []}'})
    await ask(locked(tmp_path, "a", "B", "b"), client, SERVER)
    assert sorted(client.asked) == [
        ("GET", "files/https/files.example/a-1.0-py3-none-any.whl.metadata"),
        ("GET", "files/https/files.example/b-1.0-py3-none-any.whl.metadata"),
        *[("GET", path) for path in ("health", "indexes", "simple/a/", "simple/b/")],
        ("HEAD", "files/https/files.example/a-1.0-py3-none-any.whl"),
        ("HEAD", "files/https/files.example/b-1.0-py3-none-any.whl"),
    ]


async def test_no_page_leads_elsewhere(tmp_path: Path) -> None:
    """A page whose files are at another host: those are not asked (`Canned` fails for another address)."""
    for url in (
        "https://evil.example/a-1.0-py3-none-any.whl",
        "//evil.example/x.whl",
        "http://127.0.0.1:9/x",
        "http://[",
    ):
        client = Canned({"simple/a.json": page("a", url=url)})
        found = await ask(locked(tmp_path, "a"), client, SERVER)
        assert found.answers.projects["a"].verdict is Verdict.SERVED
        assert [path for _, path in client.asked] == ["health", "indexes", "simple/a/"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"files": 1}', "\xff", "[" * 100_000, '{"files": [{"filename": 1}]}']
)
def test_a_page_that_is_none_says_nothing(body: str, tmp_path: Path) -> None:
    found = asked(locked(tmp_path, "a"), {"simple/a/": body})
    assert found.answers.projects["a"].verdict is Verdict.SILENT
    assert found.unanswered == (f"{SERVER}: nothing is known of a: its page is no JSON (PEP 691)",)


@pytest.mark.parametrize(
    ("health", "why"), [("", "there is none"), ("[]", "there is none"), ("{}", "there is none"), ("<html>", "none")]
)
def test_what_is_no_pipway_is_one_error(health: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pipway answers") as raised:
        asked(locked(tmp_path, "a"), {"health": health})
    assert why in raised.value.why
    assert "pipway serve" in raised.value.fix


def test_a_login_that_is_wanted_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wants a login"):
        asked(locked(tmp_path, "a"), {"indexes.json": '{"status": 401}'})


def test_bounds_end_the_asking_and_are_told(tmp_path: Path) -> None:
    """Bytes of one page, bytes and seconds of all: what is not known then is said."""
    project, answers = (
        locked(tmp_path, "a", "b", "c", "d", "e"),
        {f"simple/{name}.json": page(name) for name in "abcde"},
    )
    for limits in (Limits(page=10), Limits(all=-1.0), Limits(bytes=0)):
        found = asked(project, answers, limits)
        assert {each.verdict for each in found.answers.projects.values()} == {Verdict.SILENT}, limits
        assert len(found.unanswered) == 1
        assert "a, b, c and 2 more" in found.unanswered[0]


async def test_many_are_asked_at_once_and_no_more_than_that(tmp_path: Path) -> None:
    class Counting(Canned):
        now = most = 0

        async def request(self, method: str, url: str, headers: Mapping[str, str] = {}) -> Answered:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return await super().request(method, url, headers)

    client = Counting({})
    await ask(locked(tmp_path, *(f"p{number}" for number in range(50))), client, SERVER, limits=Limits(at_once=7))
    assert client.most == 7


async def test_a_server_that_goes_away_is_no_verdict(tmp_path: Path) -> None:
    class Going(Canned):
        async def request(self, method: str, url: str, headers: Mapping[str, str] = {}) -> Answered:
            if "/simple/" in url:
                raise Unavailable("connect-failed", "it is gone", why="nothing listens there")
            return await super().request(method, url, headers)

    found: Asked = await ask(locked(tmp_path, "a"), Going({}), SERVER)
    assert found.unanswered == (f"{SERVER}: nothing is known of a: nothing listens there",)


def test_what_a_server_says_cannot_harm_a_terminal(tmp_path: Path) -> None:
    said = json.dumps({"status": 403, "title": "held\x1b[2J back" + "x" * 5000})
    reason = asked(locked(tmp_path, "a"), {"simple/a.json": said}).answers.projects["a"].reason
    assert "\x1b" not in reason
    assert len(reason) <= 300


def test_versions_are_found_in_whatever_spelling() -> None:
    names = ["a_b-1.0.0-py3-none-any.whl", "A.B-1.0.tar.gz", "a-b-1.0.post1.tar.gz", "a_b-1!1.0-py3-none-any.whl"]
    found = page_of(json.dumps({"files": [{"filename": name, "hashes": {}} for name in names]}).encode())
    assert found is not None
    for version, meant in (("1", names[:2]), ("1.0.post1", names[2:3]), ("1!1", names[3:]), ("2", [])):
        question = Wanted(versions={version_of(version)})
        assert [each.filename for each in offers(found, "a-b", question)[version_of(version)]] == meant


def test_needs_are_those_of_every_system() -> None:
    lines = [
        "werkzeug>=3",
        "colorama; sys_platform == 'win32'",
        "typing; python_version >= '3.8'",
        "Click[x]",
        "asgiref; extra == 'async'",
        "old; python_version < '3.11'",
        "???",
    ]
    metadata = "".join(f"Requires-Dist: {line}\n" for line in lines).encode()
    assert needs(metadata, ()) == ("werkzeug", "typing", "click")
    assert needs(metadata, {"async"}) == ("werkzeug", "typing", "click", "asgiref")
    assert needs(b"\xff\0", ()) == ()


def test_an_index_is_known_by_its_address() -> None:
    answers = Answers(SERVER, (Behind("a", "https://nexus.corp/simple/"), Behind("b", "https://nexus.corp/simple/b/")))
    assert answers.behind("https://user:word@nexus.corp/simple") == answers.indexes[0]
    assert answers.behind("https://nexus.corp/simple/b") == answers.indexes[1]
    assert answers.behind("https://nexus.corp/simpler") is None
    assert answers.behind("nonsense") is None
    assert answers.is_server("http://127.0.0.1:3141/simple/")
    assert not answers.is_server("http://127.0.0.1:31410/simple/")
    assert answers.stands_for("https://nexus.corp/other")
    assert not answers.stands_for("")


def test_advice_names_the_server_that_has_both_indexes(tmp_path: Path) -> None:
    """And only that one: a server that lacks one of them would break installs."""
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://nexus.corp/a/simple/\nextra-index-url = https://nexus.corp/b/simple/\n"
    )
    one, other = ({"name": name, "url": f"https://nexus.corp/{name}/simple/"} for name in "ab")
    for indexes, named in (([one, other], True), ([one], False)):
        project = collect(Tree(tmp_path))
        project = answered(project, {"indexes.json": json.dumps({"indexes": indexes})})
        found = check(project, {"PW201": rules()["PW201"]}).results
        assert len(found) == 1
        assert (f"{SERVER}simple/" in found[0].found.advice) is named


def test_what_is_of_an_index_elsewhere_is_told_and_not_asked(tmp_path: Path) -> None:
    """Its digests may be others, and nobody's fault."""
    locked(tmp_path, "a")
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://other.corp/simple/\n")
    found = asked(collect(Tree(tmp_path)), {"simple/a.json": page("a")})
    sentence = f"requirements.txt: not compared where it comes from other.corp, for which {SERVER} does not stand"
    assert found.unanswered == (sentence,)
    assert list(found.answers.projects) == ["a"], "poetry.lock is asked about all the same"
