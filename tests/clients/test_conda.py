"""conda: the search path, channels, proxies by scheme and host, and changes of .condarc."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.around import around, found

from pipway.clients.base import Setting, Wish
from pipway.clients.conda import Conda
from pipway.errors import UsageError
from pipway.findings import Place

SYSTEM, USER, VENV = "root/etc/conda/.condarc", "home/.condarc", "home/env/.condarc"


def test_layers_and_channels(tmp_path: Path) -> None:
    files = {
        SYSTEM: "channels: [s]\nremote_read_timeout_secs: 10\nssl_verify: /s.pem\n",
        "home/.conda/condarc.d/a.yml": "channels: [d]\n",
        USER: "channels:\n  - u1\n  - u2\nremote_read_timeout_secs: 20\n",
        VENV: "channels: [v]\n",
    }
    environ = {"CONDA_PREFIX": str(tmp_path / "home/env"), "CONDA_REMOTE_MAX_RETRIES": "9"}
    come_to = Conda().effective(around(tmp_path, files, environ), None)
    assert come_to[Setting.INDEX].value == "v"
    assert come_to[Setting.EXTRA_INDEXES].values == ("u1", "u2", "d", "s")
    assert (come_to[Setting.TIMEOUT].value, come_to[Setting.RETRIES].value) == ("20", "9")
    assert come_to[Setting.TIMEOUT].entries[0].place == Place(str(tmp_path / USER), 4)
    assert [entry.value for entry in come_to[Setting.TIMEOUT].shadows] == ["10"]
    assert come_to[Setting.CA].value == "/s.pem"


def test_proxies(tmp_path: Path) -> None:
    text = "proxy_servers:\n  http: http://a:1\n  https: http://b:1\n  https://corp: http://c:1\n"
    text += "channels: [https://corp/x]\n"
    come_to = Conda().effective(around(tmp_path, {USER: text}, {"https_proxy": "http://e:1"}), None)
    assert come_to[Setting.PROXY].value == "http://c:1"
    assert [entry.value for entry in come_to[Setting.PROXY].shadows] == ["http://b:1", "http://e:1"]


@pytest.mark.parametrize(
    ("said", "ca", "trusted"),
    [("true", "bundled", ()), ("false", "bundled", ("*",)), ("truststore", "system", ()), ("/a.pem", "/a.pem", ())],
)
def test_ssl_verify(tmp_path: Path, said: str, ca: str, trusted: tuple[str, ...]) -> None:
    come_to = Conda().effective(around(tmp_path, {USER: f"ssl_verify: {said}\n"}), None)
    assert (come_to[Setting.CA].value, come_to[Setting.TRUSTED_HOSTS].values) == (ca, trusted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssl_verify: true\n", []),
        ("a: [1\nb: 2\n", [("PW702", "HIGH", f"{USER}:2")]),
        ("proxy_server:\n  http: x\n", [("PW703", "LOW", f"{USER}:1")]),
        ("# x\nproxy_servers: http://p:1\n", [("PW703", "HIGH", f"{USER}:2")]),
    ],
)
def test_findings(tmp_path: Path, text: str, expected: list[tuple[str, str, str]]) -> None:
    assert found(Conda(), around(tmp_path, {USER: text})) == expected


def test_change(tmp_path: Path) -> None:
    before = "# mine\nchannels:\n  - a # first\nssl_verify: false # bad\n"
    surroundings = around(tmp_path, {USER: before})
    (change,) = Conda().change(surroundings, Wish(proxy="http://u:p@p:1", ca=Path("/ca.pem")), "user")
    assert change.private and change.path == tmp_path / USER
    assert change.after is not None
    assert change.after.decode() == (
        "# mine\nchannels:\n  - a # first\nssl_verify: /ca.pem # bad\n"
        "proxy_servers:\n  http: http://u:p@p:1\n  https: http://u:p@p:1\n"
    )
    change.path.write_bytes(change.after)
    assert Conda().change(surroundings, Wish(proxy="http://u:p@p:1", ca=Path("/ca.pem")), "user") == []
    (back,) = Conda().change(surroundings, Wish(drop=frozenset({Setting.PROXY, Setting.CA})), "user")
    assert back.after == b"# mine\nchannels:\n  - a # first\n"


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(index="http://h/"), "user", "pipway configure pip --scope venv"),
        (Wish(ca=Path("/c")), "project", "--scope user or global"),
        (Wish(no_proxy="h"), "user", "export NO_PROXY=h"),
    ],
)
def test_what_has_no_place(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        Conda().change(around(tmp_path), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix
