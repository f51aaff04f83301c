"""What `configure` agrees to write: TLS or this machine, no login in an argument, authorities that are some."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from pipway.cli.wish import Asked, address, meant, needs
from pipway.clients.base import Setting, Wish
from pipway.errors import UsageError
from pipway.settings import Settings, load

BESIDE = {Setting.EXTRA_INDEXES, Setting.FIND_LINKS, Setting.NO_INDEX, Setting.TRUSTED_HOSTS}


def settings(tmp_path: Path, **arguments: Any) -> Settings:
    return load(config=None, environ={"PIPWAY_DATA": str(tmp_path / "data"), **arguments}, arguments={})


def code(asked: Asked, tmp_path: Path, environ: Mapping[str, str] = {}) -> str:
    with pytest.raises(UsageError) as raised:
        meant(asked, settings(tmp_path), environ)
    assert "hunter2" not in str(raised.value)
    assert raised.value.fix
    return raised.value.code


def test_without_options_the_index_of_this_machines_pipway(tmp_path: Path) -> None:
    found = meant(Asked(), settings(tmp_path), {})
    assert found.wish == Wish(index="http://127.0.0.1:3141/simple/", drop=frozenset({*BESIDE, Setting.PROXY}))
    assert (found.secret, found.pipway) == (False, "http://127.0.0.1:3141/")


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("0.0.0.0:8000", "http://127.0.0.1:8000/"),
        ("[::]:8000", "http://[::1]:8000/"),
        ("[::1]:8000", "http://[::1]:8000/"),
        ("localhost:8000", "http://localhost:8000/"),
    ],
)
def test_the_address_from_this_machine(tmp_path: Path, listen: str, expected: str) -> None:
    assert address(settings(tmp_path, PIPWAY_LISTEN=listen)) == expected


def test_a_pipway_that_this_machine_does_not_reach_safely(tmp_path: Path) -> None:
    for listen, expected in (("192.0.2.1:3141", "index-without-tls"), ("127.0.0.1:0", "no-fixed-port")):
        with pytest.raises(UsageError) as raised:
            meant(Asked(), settings(tmp_path, PIPWAY_LISTEN=listen), {})
        assert raised.value.code == expected


@pytest.mark.slow
def test_the_proxy_comes_with_the_authorities_it_shows(tmp_path: Path) -> None:
    found = meant(Asked(via="both"), settings(tmp_path), {})
    assert (found.wish.index, found.wish.proxy) == ("http://127.0.0.1:3141/simple/", "http://127.0.0.1:3141")
    assert found.wish.ca is None
    upstream = {"PIPWAY_UPSTREAM": "http://127.0.0.1:9/simple/", "PIPWAY_INTERCEPT_HOSTS": "files.example"}
    intercepting = settings(tmp_path, PIPWAY_INTERCEPT_ENABLED="true", **upstream)
    found = meant(Asked(via="proxy"), intercepting, {})
    assert (found.wish.index, found.wish.proxy) == (None, "http://127.0.0.1:3141")
    assert found.wish.ca == tmp_path / "data" / "ca-bundle.pem"
    assert (tmp_path / "data" / "ca.pem").read_text().strip() in found.wish.ca.read_text()


def test_a_dry_run_makes_no_authority(tmp_path: Path) -> None:
    intercepting = settings(tmp_path, PIPWAY_INTERCEPT_ENABLED="true")
    assert meant(Asked(via="proxy"), intercepting, {}, dry_run=True).wish.ca == tmp_path / "data" / "ca-bundle.pem"
    assert not (tmp_path / "data").exists()


def test_elsewhere(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    asked = Asked(
        index_url="HTTPS://Nexus.example/simple/", proxy="http://proxy.example:8080", ca=authority, timeout=60,
        require_virtualenv=True,
    )  # fmt: skip
    found = meant(asked, settings(tmp_path), {})
    assert found.wish == Wish(
        index="https://nexus.example/simple/",
        proxy="http://proxy.example:8080",
        ca=authority,
        timeout=60,
        require_virtualenv=True,
        drop=frozenset(BESIDE),
    )
    assert found.pipway == ""


def test_what_is_not_asked_for_is_left_alone(tmp_path: Path) -> None:
    """A proxy says nothing of indexes."""
    assert meant(Asked(proxy="proxy.example:8080"), settings(tmp_path), {}).wish == Wish(
        proxy="http://proxy.example:8080"
    )
    assert meant(Asked(no_proxy=True), settings(tmp_path), {}).wish == Wish(drop=frozenset({Setting.PROXY}))


def test_extra_indexes_stay_only_on_request(tmp_path: Path) -> None:
    """Unverified hosts go all the same."""
    found = meant(Asked(index_url="https://nexus.example/simple/", keep_extra=True), settings(tmp_path), {})
    assert found.wish.drop == {Setting.NO_INDEX, Setting.TRUSTED_HOSTS}
    assert found.wish.keep == {Setting.EXTRA_INDEXES, Setting.FIND_LINKS}


def test_a_login_comes_from_a_variable(tmp_path: Path) -> None:
    environ = {"INDEX": "https://svc:hunter2@nexus.example/simple/", "PROXY": "http://a:hunter2@proxy.example:1"}
    found = meant(Asked(index_variable="INDEX"), settings(tmp_path), environ)
    assert found.secret
    assert found.wish.index == environ["INDEX"]
    assert "hunter2" not in repr(found)
    found = meant(Asked(proxy_variable="PROXY"), settings(tmp_path), environ)
    assert found.secret
    assert "unencrypted" in found.remarks[0]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"index_url": "http://nexus.example/simple/"}, "index-without-tls"),
        ({"index_url": "https://svc:hunter2@nexus.example/simple/"}, "password-in-argument"),
        ({"index_url": "https://hunter2@nexus.example/simple/"}, "password-in-argument"),
        ({"index_url": "nexus.example/simple/"}, "bad-url"),
        ({"index_url": "ftp://nexus.example/simple/"}, "bad-url"),
        ({"index_variable": "BAD"}, "bad-url"),
        ({"index_variable": "UNSET"}, "variable-unset"),
        ({"index_variable": "BAD", "index_url": "https://nexus.example/"}, "configure-what"),
        ({"proxy": "http://alice:hunter2@proxy.example:8080"}, "password-in-argument"),
        ({"proxy": "http://proxy.example:8080/proxy.pac"}, "bad-url"),
        ({"proxy": "http://proxy.example:8080", "no_proxy": True}, "configure-what"),
        ({"proxy": "http://proxy.example:8080", "via": "index"}, "configure-what"),
        ({"timeout": 0}, "bad-timeout"),
    ],
)
def test_what_is_refused(tmp_path: Path, asked: dict[str, Any], expected: str) -> None:
    assert code(Asked(**asked), tmp_path, {"BAD": "https://svc:hunter2#x@nexus.example/simple/"}) == expected


def test_authorities_are_looked_at(tmp_path: Path) -> None:
    """A key in that file would be read by everybody who reads the authorities."""
    file = tmp_path / "ca.pem"
    assert code(Asked(ca=file), tmp_path) == "bad-ca"
    file.write_text("no certificate")
    assert code(Asked(ca=file), tmp_path) == "bad-ca"
    authority = trustme.CA()
    file.write_bytes(authority.cert_pem.bytes() + authority.private_key_pem.bytes())
    assert code(Asked(ca=file), tmp_path) == "bad-ca"


def test_a_snippet_is_told_no_login() -> None:
    environ = {"INDEX": "https://svc:hunter2@nexus.example/simple/", "PROXY": "http://a:hunter2@proxy.example:1"}
    found = needs(Asked(index_variable="INDEX", proxy_variable="PROXY", ca=Path("ca.pem")), environ)
    assert (found.index, found.proxy, found.proxy_secret, found.ca) == ("", "", True, "ca.pem")
    found = needs(Asked(index_url="https://nexus.example/simple/", proxy="http://proxy.example:1"), environ)
    assert (found.index, found.proxy) == ("https://nexus.example/simple/", "http://proxy.example:1")
    for asked in (Asked(timeout=1), Asked(index_url="http://nexus.example/simple/")):
        with pytest.raises(UsageError):
            needs(asked, environ)
