"""Whatever stands in a file: nothing fails, nothing hangs, places are right, and fixes give files that can be read.

Every collector is asked, a new one without being named here; it needs a file in cases/ or in seeds.case.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.fuzz.judged import judge, matches, project
from tests.audit.fuzz.spoiled import BYTES, Change, module, seeds, spoiled

from pipway.audit.base import Persona
from pipway.audit.collect import collectors
from pipway.audit.facts import Source
from pipway.audit.fix.apply import mended
from pipway.audit.report import entries
from pipway.audit.rules import rules
from pipway.audit.run import check
from pipway.audit.walk import Tree

MODULES = {module(each): each for each in collectors()}
PATIENCE = 10.0  # seconds, on a machine that has other things to do
NUMBER = st.integers(0, 1 << 20)
CHANGES = st.lists(st.tuples(st.integers(0, 11), NUMBER, NUMBER, NUMBER), min_size=1, max_size=6)

#: What once took the square of its length, or its cube.
LONG: tuple[tuple[str, str, bytes], ...] = (
    ("systemd", "a.service", b"Environment=" + b"x" * 70_000),
    ("systemd", "a.service", b'Environment="a=' + b'\\"a=' * 20_000),
    ("tox", "tox.ini", b"# pipway: ignore[PW101]" + b" " * 1900 + b"x" + b" " * 1900 + b"\n[testenv]\n"),
    ("setup_files", "setup.cfg", b"[options]\na" + b"\t" * 30_000 + b"b = c\n"),
    ("locks", "uv.lock", b"[[package]]\nname = 'a'\nsource = { git = " + b"g" * 30_000 + b" }\n"),
    ("dockerfile", "Dockerfile", b"FROM x\nENV a" + b"x" * 40_000),
    ("dockerfile", "Dockerfile", b"FROM x\nENV a" + b" " * 40_000),
    ("gitlab", ".gitlab-ci.yml", b"a:\n  script: &s\n  - pip install flask\n" + b"  - *s\n" * 40),
    ("dockerfile", "Dockerfile", b"FROM x\nRUN pip install" + b" st" * 5000),
    ("jenkins", "Jenkinsfile", b"sh 'pip install --pre x'" + b"_" * 30_000 + b"\nsh 'pip x'" + b"_-" * 20_000),
    ("dotenv", ".env", b"PIP_INDEX_URL=https://svc:" + b"u#" * 6000 + b"@nexus.corp/simple/\n"),
    ("dockerfile", "Dockerfile", b"FROM x\nRUN pip install --no-index" + b" M" * 6000),
    ("pip_conf", "pip.conf", b"[global]\ntrusted-host = " + b"nexus.corp " * 3000),
)  # fmt: skip

#: The fix takes the whole script, and its anchor with it.
ANCHORED = b"""
a:
  variables: {PIP_INDEX_URL: "http://nexus.corp/simple/", PIP_EXTRA_INDEX_URL: "https://index.example/simple/"}
  script: &s
    twine upload --repository-url http://nexus.corp/upload/ dist/*
   - pip install --trusted-host nexus.corp flask
b:
  script: *s
"""

#: Of a version that no certificate has.
STRANGE = b"""-----BEGIN CERTIFICATE-----
MIIBJTCBzKADAgEwAgEHMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2NvcnAgY2Ew
HhcNMTAwMTAxMDAwMDAwWhcNMjAwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdjb3Jw
IGNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESXjBWQvjUqkKKosd7Wx8zalF
jGfFLXH+P1rPTFAb0v54riM5HgFu4Mc+RHjqKHOT7PbIDPROPnAmpbeHvfA0+6MT
MBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBassRir+q1wENP
kEkUsjx0LU04eD97jil8XwSysOJf/wIhAOJ/YbNbmahZBvwVNtHmcZFDOKtxag71
Su+RJ62JbDQy
-----END CERTIFICATE-----
"""

#: What once failed, was misplaced or was mended into something that nobody can read.
ONCE: tuple[tuple[str, str, bytes], ...] = (
    ("certificates", "ca.pem", STRANGE),
    ("conda", ".condarc", b"ssl_verify: "),
    ("conda", "environment.yml", b"dependencies:\n- pip:\n  - --extra-index-url https://nexus.co | x\n  - a # x"),
    ("gitlab", ".gitlab-ci.yml", ANCHORED),
    ("requirements", "requirements.txt", b"flask==3 --hash=ash=ash\n"),
    ("conda", ".condarc", b"channels:\n EOF\n - http://conda.corp/main\n"),
    ("conda", ".condarc", b"channels:\n - |\n  http://conda.corp/main\n"),
    ("requirements", "requirements.txt", b"-r http://files.example/base.txt\\\nflask==3.${{ x }}"),
    ("dotenv", ".env", b"HTTPS_PROXY=http://ann:\xaeunter2@proxy.\xaeorp:8080\n"),
    ("pip_conf", "pip.conf", b"[global]\nproxy = http://ann:100\x9f25/x@proxy.corp:8080\n"),
    ("github", ".github/workflows/ci.yml", b"on: push\njobs:\n  t:\n    steps:\n      - run: pip install -r require\n"),
    ("github", ".github/workflows/ci.yml", b'on: push\njobs:\n  t:\n    steps:\n      - run: "pip install x"\n'),
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    root = tmp_path_factory.mktemp("tree")
    (root / "other.txt").write_text("--trusted-host nexus.corp\n-r seed\nflask\n")
    return Tree(root, known=frozenset())


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_every_collector_has_files_to_begin_with(name: str) -> None:
    """Without one nothing of it is tested here."""
    assert seeds()[name], f"tests/audit/fuzz/seeds.case needs a file that {name} reads"


def held(name: str, path: str, raw: bytes, tree: Tree) -> None:
    """In time."""
    start = time.process_time()
    judge(MODULES[name], path, raw, tree)
    assert time.process_time() - start < PATIENCE


@pytest.mark.parametrize(("name", "path", "raw"), ONCE, ids=range(len(ONCE)))
def test_what_once_went_wrong(name: str, path: str, raw: bytes, tree: Tree) -> None:
    assert matches(MODULES[name], path, raw)
    held(name, path, raw, tree)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "path", "raw"), LONG, ids=range(len(LONG)))
def test_what_once_took_long(name: str, path: str, raw: bytes, tree: Tree) -> None:
    start = time.process_time()
    source = Source(path, raw.decode("utf-8", "surrogateescape"), MODULES[name].KIND)
    whole = project(MODULES[name], source, tree)
    results = check(whole, rules(), persona=Persona.PEDANTIC).results
    entries(results[:200], whole)
    mended([each.found for each in results], unsafe=True)
    assert time.process_time() - start < 3


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
@given(changes=CHANGES, which=NUMBER, other=NUMBER)
@settings(max_examples=6, deadline=None, database=None)
def test_no_file_does_harm(name: str, changes: list[Change], which: int, other: int, tree: Tree) -> None:
    one_of(name, changes, which, other, tree)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
@given(changes=CHANGES, which=NUMBER, other=NUMBER)
@settings(max_examples=50, deadline=None, database=None)
def test_no_file_does_harm_at_length(name: str, changes: list[Change], which: int, other: int, tree: Tree) -> None:
    one_of(name, changes, which, other, tree)


def one_of(name: str, changes: list[Change], which: int, other: int, tree: Tree) -> None:
    """One of the seeds, changed."""
    path, raw = seeds()[name][which % len(seeds()[name])]
    kinds = [each for each in seeds().values() if each]
    strangers = kinds[other % len(kinds)]
    raw = spoiled(raw, changes, strangers[other // 7 % len(strangers)][1])
    held(name, path, raw.replace(b"\0", b""), tree)  # the walk reads no file with NUL


def test_a_change_changes() -> None:
    """Otherwise nothing is tested: each kind of change does something to a file."""
    raw = b"one\n two\nthree\n" * 3
    for what in range(12):
        results = {spoiled(raw, [(what, start, 5 * start + 1, start)], b"--pre\n") for start in range(len(BYTES))}
        assert len(results) > 1, what
