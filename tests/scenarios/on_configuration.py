"""Installers that are told the wrong thing: in a proxy's URL, in variables, in files, and about their indexes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.lab.squid import PeopleSquid, Squid
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import PROJECT, environment, pip_install, there, uv_install, world
from tests.servers import rude
from tests.servers.rude import Behaviour
from tests.servers.tiny_http import Exchange, Reply
from tests.servers.upstream import Upstream

DEAD = "http://127.0.0.1:9"


def _people(request: pytest.FixtureRequest) -> PeopleSquid:
    squid: PeopleSquid = request.getfixturevalue("people_squid")
    return squid


@contextmanager
def _index(project: str = PROJECT, version: str = "1.0") -> Iterator[Upstream]:
    made = Upstream(relative_links=True)
    made.add_wheel(project, version)
    with made.in_thread():
        yield made


# -- a proxy's URL ---------------------------------------------------------------------------------------------------


@scenario("at-in-password", cause="proxy-url-at", title="The proxy's password has an unencoded @", client="uv")
def at_in_password(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid = _people(request)
    with world(folder) as here:
        more = {"HTTPS_PROXY": squid.raw("alice"), "UV_DEFAULT_INDEX": here.index(), "SSL_CERT_FILE": here.bundle}
        secrets = [squid.people["alice"], "pw-4721"]
        yield Stage(uv_install(folder), environment(folder, more), folder, there(folder), secrets=secrets)


@scenario("hash-in-password", cause="proxy-url-cut", title="The proxy's password has an unencoded #", client="pip 26")
def hash_in_password(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid = _people(request)
    with world(folder) as here:
        more = {"HTTPS_PROXY": squid.raw("bob"), "PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle}
        secrets = [squid.people["bob"], "pw-4722", "Hash"]
        half = {"(?<=bob:)Hash": "HALF-A-PASSWORD"}
        yield Stage(
            pip_install(folder), environment(folder, more), folder, there(folder), secrets=secrets, changing=half
        )


@scenario(
    "backslash-in-user",
    cause="proxy-url-backslash",
    title="DOMAIN\\user with a raw backslash: pip asks another host",
    client="pip 26",
)
def backslash_in_user(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid = _people(request)
    with world(folder) as here:
        more = {"HTTPS_PROXY": squid.raw("CORP\\carol"), "PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle}
        secrets = [squid.people["CORP\\carol"]]
        yield Stage(pip_install(folder), environment(folder, more), folder, there(folder), secrets=secrets)


@scenario(
    "backslash-in-user-uv",
    cause="proxy-url-backslash",
    title="DOMAIN\\user with a raw backslash: uv passes over the proxy",
    client="uv",
)
def backslash_in_user_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid = _people(request)
    with world(folder) as here:
        more = {"HTTPS_PROXY": squid.raw("CORP\\carol"), "UV_DEFAULT_INDEX": here.index(), "SSL_CERT_FILE": here.bundle}
        secrets = [squid.people["CORP\\carol"]]
        yield Stage(uv_install(folder), environment(folder, more), folder, there(folder), secrets=secrets)


# -- which proxy -----------------------------------------------------------------------------------------------------


@scenario(
    "two-spellings",
    cause="proxy-variables-differ",
    title="https_proxy and HTTPS_PROXY differ: pip takes the lower case",
    client="pip 26",
)
def two_spellings(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    with world(folder) as here:
        more = {"https_proxy": DEAD, "HTTPS_PROXY": squid.url, "PIP_INDEX_URL": here.index()}
        env = environment(folder, {**more, "SSL_CERT_FILE": here.bundle})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "two-spellings-uv",
    cause="proxy-variables-differ",
    title="https_proxy and HTTPS_PROXY differ: uv takes the upper case",
    client="uv",
)
def two_spellings_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    with world(folder) as here:
        more = {"https_proxy": squid.url, "HTTPS_PROXY": DEAD, "UV_DEFAULT_INDEX": here.index()}
        env = environment(folder, {**more, "SSL_CERT_FILE": here.bundle})
        yield Stage(uv_install(folder), env, folder, there(folder))


@scenario(
    "proxy-for-http-only",
    cause="proxy-for-http-only",
    title="Only HTTP_PROXY is set, and the index is https",
    client="pip 26",
)
def only_http(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    with world(folder) as here:
        more = {"HTTP_PROXY": squid.url, "PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle}
        yield Stage(pip_install(folder), environment(folder, more), folder, there(folder))


@scenario(
    "no-proxy-lost",
    cause="no-proxy-lost",
    title="NO_PROXY is ignored because pip's own option names the proxy",
    client="pip 26",
)
def no_proxy_lost(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("fenced_squid")
    with world(folder, names=("localhost",)) as here:
        more = {"PIP_PROXY": squid.url, "NO_PROXY": "localhost", "PIP_INDEX_URL": here.index("localhost")}
        env = environment(folder, {**more, "SSL_CERT_FILE": here.bundle})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario("pac-only", cause="pac-ignored", title="The network's proxy is named by a PAC file only", client="pip 26")
def pac_only(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    script = f'function FindProxyForURL(url, host) {{ return "PROXY localhost:{squid.port}"; }}'
    web = Upstream()
    kind = "application/x-ns-proxy-autoconfig"
    web.behave("/proxy.pac", rude.answering(200, script.encode(), Content_Type=kind))
    with world(folder) as here, web.in_thread():
        more = {"PIPWAY_PAC": f"{web.origin}/proxy.pac", "PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle}
        yield Stage(pip_install(folder), environment(folder, more), folder, there(folder))


# -- files -----------------------------------------------------------------------------------------------------------


def _elsewhere(folder: Path, index: str) -> dict[str, str]:
    """An environment in which the machine's own file names a company's general index."""
    env = environment(folder)
    file = Path(env["XDG_CONFIG_DIRS"]) / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"[global]\nindex-url = {index}\n")
    return env


@scenario(
    "file-never-read",
    cause="config-never-read",
    title="Settings in ~/.pip.conf, which pip never reads",
    client="pip 26",
)
def file_never_read(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as right, _index("other") as general:
        env = _elsewhere(folder, general.url)
        (Path(env["HOME"]) / ".pip.conf").write_text(f"[global]\nindex-url = {right.url}\n")
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "file-missing",
    cause="config-file-missing",
    title="PIP_CONFIG_FILE names a file that is not there",
    client="pip 26",
)
def file_missing(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as right, _index("other") as general:
        env = _elsewhere(folder, general.url) | {"PIP_CONFIG_FILE": str(folder / "ci" / "pip.ini")}
        file = folder / "ci" / "pip.conf"
        file.parent.mkdir()
        file.write_text(f"[global]\nindex-url = {right.url}\n")
        yield Stage(pip_install(folder), env, folder, there(folder), words={"FILE": str(file)})


@scenario(
    "file-stops-pip",
    cause="config-stops-client",
    title="An unindented line in pip.conf: pip does not start",
    client="pip 26",
)
def file_stops_pip(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        env = environment(folder, {"PIP_INDEX_URL": index.url})
        file = Path(env["XDG_CONFIG_HOME"]) / "pip" / "pip.conf"
        file.parent.mkdir(parents=True)
        file.write_text("[global]\ntimeout = 20\ntrusted-host =\n    one.example\nindex.example\n")
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario("file-stops-uv", cause="config-stops-client", title="uv.toml is no TOML: uv does not start", client="uv")
def file_stops_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        env = environment(folder, {"UV_DEFAULT_INDEX": index.url})
        file = Path(env["XDG_CONFIG_HOME"]) / "uv" / "uv.toml"
        file.parent.mkdir(parents=True)
        file.write_text("http-timeout = 20s\n")
        yield Stage(uv_install(folder), env, folder, there(folder))


# -- which index -----------------------------------------------------------------------------------------------------


@scenario("index-switched-off", cause="index-switched-off", title="PIP_NO_INDEX was left behind", client="pip 26")
def switched_off(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        env = environment(folder, {"PIP_INDEX_URL": index.url, "PIP_NO_INDEX": "1"})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario("offline-left", cause="client-offline", title="UV_OFFLINE was left behind", client="uv")
def offline_left(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        env = environment(folder, {"UV_DEFAULT_INDEX": index.url, "UV_OFFLINE": "1"})
        yield Stage(uv_install(folder), env, folder, there(folder))


@scenario(
    "hashes-everywhere", cause="hashes-everywhere", title="PIP_REQUIRE_HASHES is set for every command", client="pip 26"
)
def hashes_everywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        env = environment(folder, {"PIP_INDEX_URL": index.url, "PIP_REQUIRE_HASHES": "1"})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "index-without-tls",
    cause="index-http-ignored",
    title="The index is http and not on this machine: pip does not ask it",
    client="pip 26",
)
def without_tls(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    with world(folder, secure=False) as here:
        env = environment(folder, {"HTTP_PROXY": squid.url, "PIP_INDEX_URL": here.index()})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "index-without-scheme", cause="index-url-unreadable", title="The index's URL has no https://", client="pip 26"
)
def without_scheme(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, names=("localhost",)) as here:
        index = here.index("localhost").removeprefix("https://")
        env = environment(folder, {"PIP_INDEX_URL": index, "SSL_CERT_FILE": here.bundle})
        yield Stage(pip_install(folder), env, folder, there(folder))


def _private(user: str, token: str) -> Behaviour:
    right = f"Basic {base64.b64encode(f'{user}:{token}'.encode()).decode()}"

    async def ask(exchange: Exchange) -> None:
        if exchange.request.header("authorization") == right:
            await exchange.answer()
        else:
            await exchange.answer(Reply(401, {"WWW-Authenticate": 'Basic realm="private"'}, b"who is it?"))

    return ask


@scenario(
    "private-index",
    cause="index-user-alone",
    title="A private index, and pip may not ask for the password",
    client="pip 26",
)
def private_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        index.behave("*", _private("dev", "Index-pw-4724"))
        url = index.url.replace("//", "//dev@")
        env = environment(folder, {"PIP_INDEX_URL": url})
        typed = "Index-pw-4724"
        yield Stage(pip_install(folder), env, folder, there(folder), typed=typed, secrets=[typed])


@scenario(
    "private-index-uv",
    cause="index-user-alone",
    title="A private index, and uv never asks for the password",
    client="uv",
)
def private_index_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as index:
        index.behave("*", _private("dev", "Index-pw-4724"))
        env = environment(folder, {"UV_DEFAULT_INDEX": index.url.replace("//", "//dev@")})
        typed = "Index-pw-4724"
        yield Stage(uv_install(folder), env, folder, there(folder), typed=typed, secrets=[typed])


@scenario(
    "confused-index",
    cause="confused-index",
    title="An extra index has the same name in a higher version",
    client="pip 26",
)
def confused_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as ours, _index(version="99.0") as public:
        env = environment(folder, {"PIP_INDEX_URL": ours.url, "PIP_EXTRA_INDEX_URL": public.url})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "confused-index-uv", cause="confused-index", title="uv takes the name from the extra index first", client="uv"
)
def confused_index_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with _index() as ours, _index(version="99.0") as public:
        env = environment(folder, {"UV_DEFAULT_INDEX": ours.url, "UV_INDEX": public.url})
        yield Stage(uv_install(folder, "--reinstall"), env, folder, there(folder))
