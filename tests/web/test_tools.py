"""The texts that people copy."""

from __future__ import annotations

import tomllib

from pipway.web.tools import Tool, tools


def by_name(base: str) -> dict[str, Tool]:
    return {tool.name: tool for tool in tools(base)}


def test_toml_snippets_are_toml() -> None:
    made = by_name("http://127.0.0.1:3141")
    assert tomllib.loads(made["uv"].always.text) == {
        "index": [{"url": "http://127.0.0.1:3141/simple/", "default": True}]
    }
    source = tomllib.loads(made["Poetry"].always.text)["tool"]["poetry"]["source"]
    assert source == [{"name": "pipway", "url": "http://127.0.0.1:3141/simple/", "priority": "primary"}]


def test_plain_http_on_another_host_must_be_trusted_by_name() -> None:
    """pip ignores plain http unless the host is loopback or declared trusted; https and loopback need nothing."""
    far = by_name("http://index.example:8080")
    assert "--trusted-host index.example:8080" in far["pip"].once.text
    assert "PIP_TRUSTED_HOST=index.example:8080" in far["Docker"].always.text
    assert "verify_ssl false" in far["PDM"].always.text
    for base in ("http://127.0.0.1:3141", "http://localhost", "http://[::1]:3141", "https://index.example"):
        for tool in tools(base):
            assert "trusted" not in (tool.once.text + tool.always.text).lower()
            assert "verify" not in (tool.once.text + tool.always.text).lower()


def test_a_container_reaches_loopback_only_through_the_hosts_network() -> None:
    assert "--network=host" in by_name("http://127.0.0.1:3141")["Docker"].once.text
    assert "--network=host" not in by_name("https://index.example")["Docker"].once.text
