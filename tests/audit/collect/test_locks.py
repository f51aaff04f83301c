"""Lock files: what they name, where, and what somebody put in by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected

from pipway.audit.collect import locks
from pipway.audit.facts import Fact, Locked, Note

SHA = "a" * 64


def named(text: str, path: str) -> list[Locked]:
    found = collected(locks, text, path)
    return checked(found)


def checked(found: Sequence[Fact]) -> list[Locked]:
    listed = [fact for fact in found if isinstance(fact, Locked)]
    for each in listed:
        if each.index_span is not None:
            assert each.index_span.text == each.index
    return listed


def brief(found: Sequence[Locked]) -> list[tuple[str, str, str, str, int]]:
    return [(each.name, each.version, each.kind, each.url, len(each.hashes)) for each in found]


UV = f"""version = 1

[[package]]
name = "a"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://files.example/a-1.0.tar.gz", hash = "sha256:{SHA}", size = 605, upload-time = "2025" }}
wheels = [
    {{ url = "https://files.example/a-1.0-py3-none-any.whl", hash = "sha256:{SHA}", size = 1 }},
]

[[package]]
name = "g"
version = "2"
source = {{ git = "https://git.corp/g?rev=main#0123" }}

[[package]]
name = "own"
version = "0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "a" }},
]

[package.metadata]
requires-dist = [{{ name = "a", specifier = "==1" }}]
"""


def test_uv() -> None:
    found = named(UV, "uv.lock")
    assert brief(found) == [
        ("a", "1.0", "registry", "https://files.example/a-1.0.tar.gz", 1),
        ("a", "1.0", "registry", "https://files.example/a-1.0-py3-none-any.whl", 1),
        ("g", "2", "git", "https://git.corp/g?rev=main#0123", 0),
        ("own", "0", "editable", ".", 0),
    ]
    assert found[0].index == "https://index.example/simple"
    assert found[0].url_span is not None
    assert str(found[0].url_span.place) == "uv.lock:7:18"
    assert found[1].hashes == (f"sha256:{SHA}",)


def test_an_address_that_no_tool_wrote_so_is_found_as_well() -> None:
    evil = UV + "\n[[package]]\nversion='1'\nname='e'\nsource.registry = 'https://evil.example/simple'\n"
    evil += 'wheels = [{hash="sha256:1",\n "url"="https\\u003a//evil.example/x.whl"}]\n'
    urls = [each.url for each in named(evil, "uv.lock")]
    assert "https://evil.example/simple" in urls
    assert "https://evil.example/x.whl" in urls


def test_poetry() -> None:
    text = f"""[[package]]
name = "a"
version = "1"
description = "See https://a.example/ and \\"more\\""
optional = false
files = [
    {{file = "a-1.whl", hash = "sha256:{SHA}"}},
    {{file = "a-1.tar.gz", hash = "sha256:{SHA}"}},
]

[package.dependencies]
b = {{version = "*", optional = true}}

[package.source]
type = "legacy"
url = "https://nexus.corp/simple"
reference = "corp"

[[package]]
name = "g"
version = "2"
files = []

[package.source]
type = "git"
url = "https://git.corp/g.git"
reference = "main"
resolved_reference = "0123"

[metadata]
content-hash = "x"
"""
    found = named(text, "poetry.lock")
    assert brief(found) == [
        ("a", "1", "registry", "", 1),
        ("a", "1", "registry", "", 1),
        ("g", "2", "git", "https://git.corp/g.git@0123", 0),
    ]
    assert found[0].index == "https://nexus.corp/simple"


def test_older_poetry_keeps_the_hashes_at_the_end() -> None:
    text = f"""[[package]]
name = "a"
version = "1"

[[package]]
name = "b"
version = "1"

[metadata.files]
a = [
    {{file = "a-1.whl", hash = "sha256:{SHA}"}},
]
b = []
"""
    assert brief(named(text, "poetry.lock")) == [("a", "1", "registry", "", 1), ("b", "1", "registry", "", 0)]


def test_pdm() -> None:
    text = f"""[[package]]
name = "a"
version = "1"
requires_python = ">=3.8"
files = [
    {{url = "https://files.example/a.whl", hash = "sha256:{SHA}"}},
]

[[package]]
name = "g"
version = "2"
git = "https://git.corp/g.git"
ref = "main"
revision = "0123"
"""
    assert brief(named(text, "pdm.lock")) == [
        ("a", "1", "registry", "https://files.example/a.whl", 1),
        ("g", "2", "git", "https://git.corp/g.git@0123", 0),
    ]


def test_pylock_in_both_ways_of_writing() -> None:
    text = f"""lock-version = "1.0"

[[packages]]
name = "a"
version = "1"

[[packages.attestation-identities]]
kind = "GitHub"
repository = "org/a"

[[packages.wheels]]
name = "a-1.whl"
url = "https://files.example/a.whl"

[packages.wheels.hashes]
sha256 = "{SHA}"

[[packages]]
name = "b"
version = "2"
wheels = [{{ url = "https://files.example/b.whl", size = 3, hashes = {{ sha256 = "{SHA}" }} }}]

[[packages]]
name = "g"

[packages.vcs]
type = "git"
url = "https://git.corp/g"
commit-id = "0123"
"""
    facts = collected(locks, text, "pylock.dev.toml")
    assert brief(checked(facts)) == [
        ("a", "1", "registry", "https://files.example/a.whl", 1),
        ("b", "2", "registry", "https://files.example/b.whl", 1),
        ("g", "", "git", "https://git.corp/g@0123", 0),
    ]
    [note] = [fact for fact in facts if isinstance(fact, Note)]
    assert (note.what, note.text, note.traits["repository"]) == ("attestation-identities", "a", "org/a")


def test_pipfile_lock() -> None:
    document = {
        "_meta": {"sources": [{"name": "corp", "url": "https://u:p@nexus.corp/simple", "verify_ssl": True}]},
        "default": {
            "a": {"hashes": [f"sha256:{SHA}"], "index": "corp", "version": "==1"},
            "g": {"git": "https://git.corp/g.git", "ref": "0123"},
        },
        "develop": {"a": {"version": "==1"}},
    }
    source, *found = named(json.dumps(document, indent=4), "Pipfile.lock")
    assert (source.kind, source.name, source.index) == ("source", "corp", "https://u:p@nexus.corp/simple")
    assert brief(found) == [
        ("a", "1", "registry", "", 1),
        ("g", "", "git", "https://git.corp/g.git@0123", 0),
        ("a", "1", "registry", "", 0),
    ]
    assert found[0].index == "https://u:p@nexus.corp/simple"
    assert found[0].span.text == '"a"' and found[2].span.start > found[1].span.start
    assert "u:p" not in repr(found)


def test_a_broken_pipfile_lock_is_a_note() -> None:
    for text in ("{", "[]", "[" * 100_000, ""):
        [note] = collected(locks, text, "Pipfile.lock")
        assert isinstance(note, Note) and note.what == "unreadable"


def test_pixi() -> None:
    text = f"""version: 6
environments:
  default:
    channels:
    - url: https://conda.example/forge/
    indexes:
    - https://index.example/simple
    packages:
      linux-64:
      - conda: https://conda.example/forge/linux-64/x-1-0.conda
      - pypi: https://files.example/a-1-py3-none-any.whl
packages:
- conda: https://conda.example/forge/linux-64/x-1-0.conda
  sha256: {SHA}
  md5: {SHA[:32]}
- pypi: https://files.example/a-1-py3-none-any.whl
  name: a
  version: '1'
  sha256: {SHA}
- pypi: ./
  name: own
"""
    found = named(text, "pixi.lock")
    assert brief(found) == [
        ("x", "", "registry", "https://conda.example/forge/linux-64/x-1-0.conda", 2),
        ("a", "1", "registry", "https://files.example/a-1-py3-none-any.whl", 1),
        ("own", "", "path", "./", 0),
    ]
    assert [each.index for each in found[:2]] == ["https://conda.example/forge", "https://index.example/simple"]


def test_thousands_of_packages_take_no_time() -> None:
    block = UV[UV.index("[[package]]") : UV.index('[[package]]\nname = "g"')]
    text = UV + block * 3000
    start = time.perf_counter()
    assert len(named(text, "uv.lock")) == 6004
    assert time.perf_counter() - start < 3


PIECES = [
    "[[package]]\n",
    'name = "a"\n',
    "{",
    "}",
    "url = ",
    '"https://x/"',
    "'",
    '"',
    "\n",
    "\\u003a//",
    "[metadata.files]\n",
    "- pypi: ",
    "packages:\n",
    "a = [",
    ",",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_has_places(text: str) -> None:
    for path in ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "pixi.lock"):
        collected(locks, text, path)
