"""Files that do not come, or not as they were published, and no room for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.network import Network
from tests.scenarios.on_index import LOCAL, pip_env, uv_env
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import OLD_PIP, PROJECT, pip_install, there, uv_install, world
from tests.servers import rude
from tests.servers.changing_proxy import ChangingProxy
from tests.servers.distributions import make_wheel
from tests.servers.tiny_http import Exchange

WHEEL = f"{PROJECT}-1.0-py3-none-any.whl"


def only_whole(behaviour: rude.Behaviour) -> rude.Behaviour:
    """Bad to requests for the whole file, honest to those for a part: what breaks can be resumed."""

    async def behave(exchange: Exchange) -> None:
        if exchange.request.header("range"):
            await exchange.answer()
        else:
            await behaviour(exchange)

    return behave


def scanned(seconds: float) -> rude.Behaviour:
    """A scanner takes the whole file first, and says nothing meanwhile."""

    async def wait(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.answer()

    return wait


def cut(*, after: int) -> rude.Behaviour:
    """In chunks, without a length, and ended in the middle."""

    async def behave(exchange: Exchange) -> None:
        kind = exchange.reply.headers.get("ETag", "")
        await exchange.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: {kind}\r\n\r\n".encode())
        await exchange.send(b"%x\r\n%b\r\n" % (after, exchange.reply.body[:after]))
        raise exchange.hang_up()

    return behave


@scenario(
    "slow-scanner",
    cause="download-stalls",
    title="A scanner holds a large wheel back for longer than pip waits",
    client="pip 26",
)
def slow_scanner(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_wheel(PROJECT, "1.0", size_padding=5_000_000)
        here.upstream.behave("*.whl", scanned(1.6))
        env = pip_env(folder, here, PIP_TIMEOUT="1", PIP_RETRIES="0", PIP_RESUME_RETRIES="0")
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "reset-mid-file",
    cause="download-breaks",
    title="Connections are reset in the middle of a file, and this pip does not resume",
    client="pip 25.0",
)
def reset_mid_file(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_wheel(PROJECT, "1.0", size_padding=300_000)
        here.upstream.behave("*.whl", only_whole(rude.resetting(after=100_000)))
        yield Stage(pip_install(folder, pip=OLD_PIP), pip_env(folder, here), folder, there(folder))


@scenario(
    "cut-off",
    cause="download-breaks",
    title="A file in chunks is cut off: nothing can resume it but pipway",
    client="pip 26",
)
def cut_off(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        here.upstream.behave("*.whl", only_whole(cut(after=500)))
        yield Stage(pip_install(folder), pip_env(folder, here), folder, there(folder))


@scenario(
    "file-forbidden",
    cause="file-forbidden",
    title="Policy refuses one file (403)",
    client="pip 26",
)
def file_forbidden(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        refusal = b"HTTP/1.1 403 Quarantined for 7 days by policy\r\nContent-Length: 0\r\n\r\n"
        here.upstream.behave("/files/*", rude.raw(refusal))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal)


@scenario(
    "block-page-for-a-file",
    cause="file-block-page",
    title="A block page with status 200 instead of the wheel",
    client="pip 26",
)
def block_page_for_a_file(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    page = b"<html><head><title>Download blocked</title></head><body>File type: archive</body></html>"
    with world(folder, secure=False) as here:
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_wheel(PROJECT, "1.0", page={"sha256": None, "size": None})
        here.upstream.serve_metadata = False
        here.upstream.behave("/files/*", rude.answering(200, page, Content_Type="text/html"))
        env = pip_env(folder, here)
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=here.upstream.heal)


@scenario(
    "changed-on-the-way",
    cause="file-changed",
    title="A proxy changes what it carries in clear",
    client="pip 26",
)
def changed_on_the_way(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here, ChangingProxy().in_thread() as proxy:
        env = pip_env(folder, here, http_proxy=f"http://{LOCAL}:{proxy.port}")
        yield Stage(pip_install(folder), env, folder, there(folder))


@scenario(
    "hash-not-listed",
    cause="hash-not-listed",
    title="A requirements file holds the hash of another file",
    client="pip 26",
)
def hash_not_listed(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with world(folder, secure=False) as here:
        (folder / "requirements.txt").write_text(f"{PROJECT}==1.0 --hash=sha256:{'0' * 64}\n")
        command = pip_install(folder, "-r", project="requirements.txt")
        yield Stage(command, pip_env(folder, here), folder, there(folder))


@scenario("disk-full", cause="disk-full", title="No room in the temporary folder", client="pip 26")
def disk_full(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with Network(folder, small="1m") as network, network.entered(), world(folder, secure=False) as here:
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_file(PROJECT, WHEEL, make_wheel(PROJECT, "1.0", size_padding=3_000_000))
        env = pip_env(folder, here, TMPDIR=str(folder / "small"))
        yield Stage(pip_install(folder), env, folder, there(folder), inside=network.inside)


@scenario("disk-full-uv", cause="disk-full", title="No room in the temporary folder", client="uv")
def disk_full_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    with Network(folder, small="1m") as network, network.entered(), world(folder, secure=False) as here:
        here.upstream.project(PROJECT).files.clear()
        here.upstream.add_file(PROJECT, WHEEL, make_wheel(PROJECT, "1.0", size_padding=3_000_000))
        env = uv_env(folder, here, TMPDIR=str(folder / "small"))
        yield Stage(uv_install(folder), env, folder, there(folder), inside=network.inside)
