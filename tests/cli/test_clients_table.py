"""`pipway settings --clients`: every tool, every setting, who said so and what that shadows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipway.cli.clients_table import Tool, as_json, show
from pipway.cli.settings import app
from pipway.clients.base import ConfigFile, Effective, Entry, Installed, Setting
from pipway.errors import UsageError
from pipway.findings import Finding, Place, Severity

CONF = "/home/alice/.config/pip/pip.conf"


def entry(setting: Setting, value: str, place: Place, key: str = "", layer: str = "user") -> Entry:
    return Entry(setting, value, layer, place, key)


@pytest.fixture
def tool() -> Tool:
    index = entry(
        Setting.INDEX, "https://svc:hunter2@nexus.example/simple/", Place("PIP_INDEX_URL"), layer="environment"
    )
    shadowed = entry(Setting.INDEX, "https://a:hunter2@old.example/simple/", Place(CONF, 3), "global.index-url")
    proxy = entry(Setting.PROXY, "a:hunter2@proxy.example:8080", Place(CONF, 5), "global.proxy")
    effective = {
        Setting.INDEX: Effective(Setting.INDEX, (index.value,), (index,), (shadowed,)),
        Setting.EXTRA_INDEXES: Effective(Setting.EXTRA_INDEXES, ()),
        Setting.PROXY: Effective(Setting.PROXY, (proxy.value,), (proxy,)),
        Setting.TIMEOUT: Effective(Setting.TIMEOUT, ("15",)),
        Setting.KEYRING: Effective(Setting.KEYRING, ("auto",)),
    }
    finding = Finding("PW703", Severity.LOW, "pip knows no setting x", place=Place(CONF, 9))
    return Tool(
        "pip", Installed("pip", ("pip",), "26.3"), [ConfigFile(Path(CONF), "user", "user", True)], effective, [finding]
    )


def test_narrow(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    """Defaults that nobody touched and that few ask for are no line."""
    show([tool], Console(width=60))
    assert capsys.readouterr().out == (
        "pip 26.3\n"
        "  index               https://[hidden]@nexus.example/simple/\n"
        "                      from PIP_INDEX_URL\n"
        f"                      shadows https://[hidden]@old.example/simple/ of {CONF}:3 (user)\n"
        "  extra indexes       -\n"
        "  proxy               [hidden]@proxy.example:8080\n"
        f"                      from {CONF}:5 (user)\n"
        "  timeout             15  (default)\n"
    )


def test_wide(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    show([tool], Console(width=200))
    head, index, extra, proxy, timeout = capsys.readouterr().out.rstrip().splitlines()
    assert head.split() == ["Tool", "Setting", "Value", "From", "Shadows"]
    assert index.split() == [
        *("pip", "26.3", "index", "https://[hidden]@nexus.example/simple/", "PIP_INDEX_URL"),
        *("https://[hidden]@old.example/simple/", f"({CONF}:3", "(user))"),
    ]
    assert extra.split() == ["extra", "indexes", "-"]
    assert proxy.split() == ["proxy", "[hidden]@proxy.example:8080", f"{CONF}:5", "(user)"]
    assert timeout.split() == ["timeout", "15", "default"]


def test_for_programs(tool: Tool) -> None:
    text = as_json([tool])
    assert "hunter2" not in text
    (found,) = json.loads(text)
    assert (found["tool"], found["version"], found["command"]) == ("pip", "26.3", ["pip"])
    assert found["files"] == [{"path": CONF, "layer": "user", "exists": True}]
    assert found["settings"]["index"] == {
        "values": ["https://[hidden]@nexus.example/simple/"],
        "from": [
            {
                "value": "https://[hidden]@nexus.example/simple/",
                "layer": "environment",
                "place": "PIP_INDEX_URL",
                "key": "",
            }
        ],
        "shadows": [
            {
                "value": "https://[hidden]@old.example/simple/",
                "layer": "user",
                "place": f"{CONF}:3",
                "key": "global.index-url",
            }
        ],
    }
    assert found["settings"]["timeout"] == {"values": ["15"], "from": [], "shadows": []}
    assert found["findings"] == [
        {"id": "PW703", "severity": "low", "what": "pip knows no setting x", "place": f"{CONF}:9"}
    ]


@pytest.mark.slow
def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that is not there counts when a file of its own says something."""
    for name in ("HOME", "XDG_CONFIG_HOME", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text(
        '[[index]]\nurl = "https://svc:hunter2@nexus.example/simple/"\ndefault = true\n'
    )
    found = CliRunner().invoke(app, ["--clients"])
    assert found.exit_code == 0
    assert "uv (not found)\n  index               https://[hidden]@nexus.example/simple/\n" in found.stdout
    assert f"from {tmp_path}/uv/uv.toml:2 (user)" in found.stdout
    tools = {one["tool"]: one for one in json.loads(CliRunner().invoke(app, ["--clients", "--json"]).stdout)}
    assert tools["uv"]["settings"]["index"]["from"][0]["place"] == f"{tmp_path}/uv/uv.toml:2"
    assert "pdm" not in tools
    for words in (["--json"], ["--clients", "show"]):
        assert isinstance(CliRunner().invoke(app, words).exception, UsageError)


def test_a_value_says_nothing_to_the_terminal(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    """A project's file could clear the screen, retitle the window, or add a line that looks like ours."""
    evil = entry(
        Setting.INDEX, "https://a.example/\x1b[2J\x9b0m\u202e\n  proxy  none", Place("/work/\x1b]0;x\x07uv.toml", 1)
    )
    long = entry(Setting.PROXY, "http://" + "a" * 100_000, Place(CONF, 2))
    told = {
        Setting.INDEX: Effective(Setting.INDEX, (evil.value,), (evil,), (evil,)),
        Setting.PROXY: Effective(Setting.PROXY, (long.value,), (long,), (long,)),
    }
    for width in (60, 200):
        show([dataclasses.replace(tool, effective=told)], Console(width=width))
        out = capsys.readouterr().out
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & {*out}
        assert len(out) < 5000
        assert "(100007 characters)" in "".join(out.split("\n")).replace("  ", "") or width == 200
        assert not [line for line in out.splitlines() if line.split() == ["proxy", "none"]]
    assert json.loads(as_json([dataclasses.replace(tool, effective=told)]))[0]["settings"]["proxy"]["values"] == [
        long.value
    ]
