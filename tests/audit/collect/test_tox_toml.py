"""tox in TOML: as tox 4 writes it, and as a string in pyproject.toml."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import changed, collected, of, said

from pipway.audit.collect import pyproject, setup_files, tox_toml
from pipway.audit.facts import Option, Required, Variable

TEXT = """\
env_list = ["a"]
[env_run_base]
deps = ["-r req.txt", "pytest>=1", "--index-url=http://c"]
set_env = { PIP_INDEX_URL = "http://b", A = "1" }
pip_pre = true
install_command = ["pip", "install", "-i", "http://a", "{opts}", "{packages}"]
commands = [["python", "-m", "pip", "install", "x"], ["-", "pip", "install", "z"]]
[env.lint]
commands = [["uv", "pip", "install", "--pre", "y"]]
"""


def test_tox_toml() -> None:
    facts = collected(tox_toml, TEXT, "tox.toml")
    assert said(facts) == [
        "python -m pip install x",
        "pip install z",
        "pip install -i http://a {opts} {packages}",
        "pip install -r req.txt",
        "pip install pytest>=1",
        "pip install --index-url=http://c",
        "uv pip install --pre y",
    ]
    assert [(each.name, each.value, each.span.text) for each in of(facts, Option)] == [
        ("index-url", "http://a", '-i", "http://a'),
        ("requirement", "req.txt", "-r req.txt"),
        ("index-url", "http://c", "--index-url=http://c"),
        ("index-url", "http://b", 'PIP_INDEX_URL = "http://b", '),
        ("pip-pre", "true", "pip_pre = true"),
        ("pre", "true", "--pre"),
    ]
    assert [(each.name, each.value) for each in of(facts, Variable)] == [("PIP_INDEX_URL", "http://b"), ("A", "1")]


def test_tables_of_pyproject() -> None:
    text = "".join(f"[tool.tox.{line[1:]}" if line.startswith("[") else line for line in TEXT.splitlines(True)[1:])
    assert said(collected(pyproject, text, "pyproject.toml")) == said(collected(tox_toml, TEXT, "tox.toml"))


def test_a_whole_file_in_a_string() -> None:
    """Of pyproject.toml, and the section of setup.cfg."""
    old = "[testenv]\ndeps =\n    -i http://a\ncommands = pip install --pre x\n"
    facts = collected(pyproject, f'[tool.tox]\nlegacy_tox_ini = """\n{old}"""\n[tool.x]\na = 1\n', "pyproject.toml")
    assert said(facts) == ["pip install -i http://a", "pip install --pre x"]
    assert said(collected(setup_files, f"[tox:tox]\nenvlist = a\n{old}", "setup.cfg")) == said(facts)
    assert [each.name for each in of(facts, Required)] == ["x"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_file_is_read(data: st.DataObject) -> None:
    collected(tox_toml, changed(TEXT, data), "tox.toml")
