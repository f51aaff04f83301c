"""What changed with pip's versions; test_pip_effective asks real pips for what can be asked without a network."""

from __future__ import annotations

import pytest

from pipway.clients import pip_facts


@pytest.mark.parametrize(
    ("version", "python", "proxied", "expected"),
    [
        ("22.1", "3.11", False, False),
        ("24.1", "3.11", False, False),
        ("24.2", "3.9", False, False),
        ("24.2", "3.10", False, True),
        ("24.2", "3.11", True, False),
        ("25.1.1", "3.11", True, False),
        ("25.2", "3.11", True, True),
        ("", "", True, True),
    ],
)
def test_system_roots(version: str, python: str, proxied: bool, expected: bool) -> None:
    """NEWS 24.2 (#11647), 25.2 (#13343)."""
    assert pip_facts.uses_system_roots(version, python, proxied=proxied) is expected


def test_opting_in_and_out_of_system_roots() -> None:
    assert pip_facts.uses_system_roots("23.3.2", "3.11", opted_in=True)
    assert not pip_facts.uses_system_roots("22.1", "3.11", opted_in=True)
    assert not pip_facts.uses_system_roots("26.3", "3.11", legacy=True)


@pytest.mark.parametrize(
    ("fact", "first"),
    [
        (pip_facts.proxy_option_wins, "22.1"),
        (pip_facts.has_keyring_provider, "23.1"),
        (pip_facts.proxy_reaches_builds, "25.0"),
        (pip_facts.resumes, "25.2"),
        (pip_facts.has_cooldown, "26.0"),
        (pip_facts.empty_proxy_means_none, "26.2"),
        (pip_facts.tls_to_proxy_uses_system_roots, "26.2"),
        (pip_facts.reads_xdg_on_macos, "26.2"),
        (pip_facts.one_spelling, "26.3"),
    ],
)
def test_each_begins_with_a_version(fact: object, first: str) -> None:
    assert callable(fact)
    assert (fact("20.3.4"), fact(first), fact("")) == (False, True, True)


def test_what_was_broken_and_mended() -> None:
    lost = pip_facts.loses_system_roots_with_proxy
    assert [lost(version) for version in ("24.1", "24.2", "25.1.1", "25.2")] == [False, True, True, False]
    stops = pip_facts.stops_at_addresses
    assert [stops(version) for version in ("24.1", "24.2", "26.0", "26.1", "")] == [False, True, True, False, False]
    assert not stops("25.0", "3.9")
    builds = pip_facts.builds_without_system_roots
    assert [builds(version) for version in ("24.3.1", "25.0", "25.0.1")] == [False, True, False]


def test_what_the_proxy_option_switches_off() -> None:
    read = pip_facts.reads_ca_variables
    assert [read(version, proxy_given=True) for version in ("24.0", "24.1", "")] == [True, False, False]
    assert read("26.3", proxy_given=False)
    assert [pip_facts.reads_no_proxy(proxy_given=given) for given in (True, False)] == [False, True]


def test_a_version_nobody_knows_is_taken_for_the_newest() -> None:
    assert pip_facts.at_least("mine", "26.3")
