"""Indexes that are down, wrong, or refuse, and pages that lack what the installer needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import PROJECT, World, environment, pip_install, there, uv_install, world
from tests.servers import rude
from tests.servers.upstream import Upstream

LOCAL = "127.0.0.1"
#: How installers are called on this machine, in a fix that is not the same command.
OTHER = {r"\S*/bin/python -m pip": "pip", r"\S*/bin/uv": "uv", r"--python \S+ ": ""}


def pip_env(folder: Path, here: World, **more: str) -> dict[str, str]:
    """The index in pip's variable."""
    return environment(folder, {"PIP_INDEX_URL": here.index(LOCAL), **more})


def uv_env(folder: Path, here: World, **more: str) -> dict[str, str]:
    """The same in uv's."""
    return environment(folder, {"UV_DEFAULT_INDEX": here.index(LOCAL), **more})


@scenario("index-down", cause="index-down", title="The index answers 503", client="pip 26")
def index_down(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.behave("/simple/*", rude.failing(503))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal, hidden=True)


@scenario("index-down-uv", cause="index-down", title="The index answers 503", client="uv")
def index_down_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.behave("/simple/*", rude.failing(503))
        yield Stage(uv_install(folder), uv_env(folder, here), folder, there(folder), carried_out=here.upstream.heal)


@scenario("index-off", cause="index-unreachable", title="Nobody listens at the index", client="pip 26")
def index_off(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.down()
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.up)


@scenario("too-many-requests", cause="index-rate-limit", title="The index answers 429", client="pip 26")
def too_many_requests(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.behave("/simple/*", rude.answering(429, Retry_After="1"))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal, hidden=True)


@scenario(
    "url-without-simple",
    cause="index-url-without-simple",
    title="The index's URL lacks /simple/",
    client="uv",
)
def url_without_simple(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        env = environment(folder, {"UV_DEFAULT_INDEX": here.upstream.origin})
        yield Stage(uv_install(folder), env, folder, there(folder))


@scenario(
    "pip-url-without-simple",
    cause="index-url-without-simple",
    title="The index's URL lacks /simple/",
    client="pip 26",
)
def pip_url_without_simple(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        env = environment(folder, {"PIP_INDEX_URL": here.upstream.origin})
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "page-forbidden",
    cause="index-forbids",
    title="Policy refuses the index's page (403), which pip does not show",
    client="pip 26",
)
def page_forbidden(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        refusal = b"HTTP/1.1 403 Not approved: ask security@corp.example\r\nContent-Length: 0\r\n\r\n"
        here.upstream.behave("/simple/*", rude.raw(refusal))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal, hidden=True)


@scenario(
    "page-forbidden-uv",
    cause="index-forbids",
    title="Policy refuses the index's page (403)",
    client="uv",
)
def page_forbidden_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        refusal = b"HTTP/1.1 403 Not approved: ask security@corp.example\r\nContent-Length: 0\r\n\r\n"
        here.upstream.behave("/simple/*", rude.raw(refusal))
        yield Stage(uv_install(folder), uv_env(folder, here), folder, there(folder), carried_out=here.upstream.heal)


@scenario(
    "no-upload-times",
    cause="index-no-upload-time",
    title="An index without JSON, and --uploaded-prior-to",
    client="pip 26",
)
def no_upload_times(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.form = "minimal"
        command = pip_install(folder, "--uploaded-prior-to", "2025-10-01T00:00:00Z")
        yield Stage(command, pip_env(folder, here), folder, there(folder))


@scenario(
    "no-upload-times-uv",
    cause="index-no-upload-time",
    title="An index without upload times, and --exclude-newer",
    client="uv",
)
def no_upload_times_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.form = "minimal"
        here.upstream.project(PROJECT).files[0].upload_time = None
        command = uv_install(folder, "--exclude-newer", "2025-10-01T00:00:00Z")
        yield Stage(command, uv_env(folder, here), folder, there(folder))


@scenario("python-too-old", cause="python-too-old", title="The release wants a newer Python", client="pip 26")
def python_too_old(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.add_wheel(PROJECT, "2.0", requires_python=">=3.99")
        command = pip_install(folder, project=f"{PROJECT}>=2")
        yield Stage(command, pip_env(folder, here), folder, there(folder), instead=True, changing=OTHER)


@scenario("misspelt", cause="project-not-found", title="A name that the index does not have", client="uv")
def misspelt(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        command = uv_install(folder, project=f"{PROJECT}l")
        yield Stage(command, uv_env(folder, here), folder, there(folder), instead=True, changing=OTHER)


@scenario(
    "captive-portal",
    cause="captive-portal",
    title="A captive portal answers in the index's place",
    client="pip 26",
)
def captive_portal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    portal = Upstream()
    page = b"<html><title>Guest network</title><body>Please accept the terms</body></html>"
    portal.behave("*", rude.answering(200, page, Content_Type="text/html"))
    with world(folder, secure=False) as here, portal.in_thread():
        login = f"http://localhost:{portal.origin.rpartition(':')[2]}/login"
        here.upstream.behave("*", rude.answering(302, Location=login))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal, hidden=True)


@scenario(
    "block-page",
    cause="block-page",
    title="A block page with status 200 instead of the index's page",
    client="uv",
)
def block_page(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    page = b"<html><head><title>Access denied by web filter</title></head><body>Category: software</body></html>"
    with world(folder, secure=False) as here:
        here.upstream.behave("/simple/*", rude.answering(200, page, Content_Type="text/html"))
        yield Stage(
            uv_install(folder),
            uv_env(folder, here),
            folder,
            there(folder),
            carried_out=here.upstream.heal,
            hidden=True,
        )
