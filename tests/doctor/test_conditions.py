"""What signatures may ask of this machine's configuration, and what they learn for the cause's texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipway.clients.base import Effective, Entry, Installed, Setting
from pipway.doctor.conditions import CONDITIONS, NOTHING, Context
from pipway.findings import Finding, Place, Severity

INDEX = "https://index.example/simple/"


def entry(setting: Setting, value: str, key: str, layer: str = "environment") -> Entry:
    return Entry(setting, value, layer, Place(key), key)


def context(tool: str, *said: Effective, environ: Mapping[str, str] = {}, pac: str = "") -> Context:
    settings = {Setting.INDEX: Effective(Setting.INDEX, (INDEX,))} | {each.setting: each for each in said}
    return Context(environ, {tool: settings}, pac=pac)


def variable(setting: Setting, value: str, name: str, *shadows: Entry) -> Effective:
    return Effective(setting, (value,), (entry(setting, value, name),), shadows)


@pytest.mark.parametrize("name", CONDITIONS)
def test_nothing_holds_where_nothing_is_known(name: str) -> None:
    assert CONDITIONS[name]({}, "pip", NOTHING) is False


def test_two_spellings_with_two_values() -> None:
    other = entry(Setting.PROXY, "http://two:1", "HTTPS_PROXY")
    differ = context("pip", variable(Setting.PROXY, "http://one:1", "https_proxy", other))
    found = CONDITIONS["proxy-variables-differ"]({}, "pip", differ)
    assert isinstance(found, Mapping)
    assert (found["variable"], found["other"]) == ("https_proxy", "HTTPS_PROXY")
    same = context("pip", variable(Setting.PROXY, "http://two:1", "https_proxy", other))
    assert CONDITIONS["proxy-variables-differ"]({}, "pip", same) is False


def test_a_pac_file_counts_where_no_proxy_is_set() -> None:
    assert CONDITIONS["pac-known"]({}, "pip", context("pip", pac="http://pac.example/p")) == {
        "pac": "http://pac.example/p"
    }
    proxied = context("pip", variable(Setting.PROXY, "http://one:1", "https_proxy"), pac="http://pac.example/p")
    assert CONDITIONS["pac-known"]({}, "pip", proxied) is False


def test_what_is_suspected_has_the_name_of_its_cause() -> None:
    broken = context("pip", variable(Setting.PROXY, "http://CORP\\carol:geheim@proxy:1", "HTTPS_PROXY"))
    found = CONDITIONS["proxy-url-backslash"]({}, "pip", broken)
    assert found == {"whence": "HTTPS_PROXY", "variable": "HTTPS_PROXY"}
    assert CONDITIONS["proxy-url-cut"]({}, "pip", broken) is False


@pytest.mark.parametrize(("version", "holds"), [("25.0.1", True), ("25.2", False), ("24.1", False), ("", False)])
def test_what_a_version_does_holds_for_the_version_that_is_installed(version: str, holds: bool) -> None:
    proxied = context("pip", variable(Setting.PROXY, "http://one:1", "https_proxy"))
    installed = {"pip": Installed("pip", ("pip",), version, "3.11")} if version else {}
    found = CONDITIONS["system-roots-lost"]({}, "pip", replace(proxied, installed=installed))
    assert (found is not False) is holds


def test_of_several_facts_with_one_name_the_tools_own_holds() -> None:
    told = context("uv", environ={"REQUESTS_CA_BUNDLE": "/etc/ca.pem"})
    assert CONDITIONS["ca-variable-not-read"]({}, "uv", told) == {"variable": "REQUESTS_CA_BUNDLE"}
    assert CONDITIONS["ca-variable-not-read"]({}, "pip", told) is False


def test_a_missing_file_of_authorities_does_not_keep_uv_from_starting() -> None:
    gone = Finding("PW702", Severity.HIGH, "SSL_CERT_FILE names nothing", place=Place("SSL_CERT_FILE"))
    broken = Finding("PW702", Severity.HIGH, "it cannot be read", place=Place("uv.toml", 3))
    one = replace(context("uv"), findings={"uv": [gone]})
    assert CONDITIONS["config-stops-client"]({}, "uv", one) is False
    assert CONDITIONS["config-stops-client"]({}, "uv", replace(one, findings={"uv": [gone, broken]})) is not False
