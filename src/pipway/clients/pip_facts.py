"""What pip does, by its version: one function for each thing that changed.

Pure; the pip client and doctor ask. A version that is unknown ("") is taken for the newest. The source of each fact is
pip's NEWS (the number is the issue's or the pull request's); "tried" means that tests ask real pips.
"""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

#: the newest pip that all of this was tried with
NEWEST = "26.3"
TIMEOUT, RETRIES = "15", "5"


def at_least(version: str, minimum: str) -> bool:
    """Whether `version` is `minimum` or newer; what is unknown is."""
    try:
        return not version or Version(version) >= Version(minimum)
    except InvalidVersion:
        return True


def _between(version: str, first: str, fixed: str) -> bool:
    return at_least(version, first) and not at_least(version, fixed)


def can_use_system_roots(version: str, python: str = "") -> bool:
    """Whether it has truststore at all: by `--use-feature=truststore` from 22.2, by default from 24.2 (#11647)."""
    return at_least(version, "22.2") and at_least(python, "3.10")


def uses_system_roots(
    version: str, python: str = "", *, proxied: bool = False, opted_in: bool = False, legacy: bool = False
) -> bool:
    """Whether it believes the operating system's certificate authorities.

    Default from 24.2 on Python 3.10 (#11647); off with `--use-deprecated=legacy-certs`; lost with any proxy from 24.2
    to 25.1.1 (#13288, fixed by #13343 in 25.2). Before 24.2 only with `--use-feature=truststore`.
    """
    if not can_use_system_roots(version, python) or legacy:
        return False
    if not at_least(version, "24.2"):
        return opted_in
    return not (proxied and loses_system_roots_with_proxy(version))


def loses_system_roots_with_proxy(version: str) -> bool:
    """#13288: works without a proxy, fails with one. 24.2 to 25.1.1."""
    return _between(version, "24.2", "25.2")


def stops_at_addresses(version: str, python: str = "") -> bool:
    """Whether an https:// URL with an IP address for a host is a traceback: 24.2 to 26.0, with truststore. Tried."""
    return bool(version) and _between(version, "24.2", "26.1") and at_least(python, "3.10")


def builds_without_system_roots(version: str) -> bool:
    """#13186: build dependencies were fetched with certifi's roots only. 25.0 alone."""
    return _between(version, "25.0", "25.0.1")


def reads_ssl_cert_file(version: str, python: str = "") -> bool:
    """Whether SSL_CERT_FILE adds authorities: from 24.2 on Python 3.10 (#11647), with a proxy, too."""
    return at_least(version, "24.2") and at_least(python, "3.10")


def reads_ca_variables(version: str, *, proxy_given: bool) -> bool:
    """Whether REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE count: not beside `--proxy` from 24.1 (#10685). Tried."""
    return not (proxy_given and at_least(version, "24.1"))


def ca_variables_beat_cert() -> bool:
    """Where they count, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE win over `--cert`: requests merges them last (tried)."""
    return True


def reads_no_proxy(*, proxy_given: bool) -> bool:
    """Whether NO_PROXY counts: it excepts hosts from the variables' proxies only, never from `--proxy`'s (tried)."""
    return not proxy_given


def proxy_option_wins(version: str) -> bool:
    """Whether `--proxy` beats HTTPS_PROXY: from 22.1 (#9691). Before, the variable wins where there is one. Tried."""
    return at_least(version, "22.1")


def empty_proxy_means_none(version: str) -> bool:
    """Whether `--proxy ""` and `--no-proxy-env` switch the variables off: from 26.2 (#5378). Tried."""
    return at_least(version, "26.2")


def tls_to_proxy_uses_system_roots(version: str) -> bool:
    """The TLS leg to an https:// proxy: from 26.2 (#13465); certifi only before."""
    return at_least(version, "26.2")


def proxy_reaches_builds(version: str) -> bool:
    """Whether `--proxy` is passed to isolated builds: from 25.0 (#6018)."""
    return at_least(version, "25.0")


def one_spelling(version: str) -> bool:
    """Whether `index_url` beside `index-url` in one file is a duplicate, which stops it: from 26.3 (tried)."""
    return at_least(version, "26.3")


def reads_xdg_on_macos(version: str) -> bool:
    """XDG_DATA_HOME and XDG_DATA_DIRS on macOS: from 26.2 (#14142)."""
    return at_least(version, "26.2")


def resumes(version: str) -> bool:
    """Whether a broken download is taken up again by default: from 25.2; the option is from 25.1 (#12991)."""
    return at_least(version, "25.2")


def has_keyring_provider(version: str) -> bool:
    """`--keyring-provider`: from 23.1 (#8719)."""
    return at_least(version, "23.1")


def has_cooldown(version: str) -> bool:
    """`--uploaded-prior-to`: from 26.0; durations as P3D from 26.1."""
    return at_least(version, "26.0")
