"""Several parents one behind the other: each with its own login, and each told apart when one refuses.

The passwords stand in the credentials file, as after `pipway credentials add`; the routes in a settings file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.clients import installed
from tests.e2e.served import Pipway, serving
from tests.e2e.test_parents import PIP, World, no_secret_in
from tests.lab.others import Dante, Stunnel
from tests.lab.squid import BasicSquid, DigestSquid

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("squid", "stunnel4", "danted"), pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    with made.secure.in_thread(), made.clear.in_thread():
        yield made


def keep(folder: Path, url: str, password: str) -> None:
    """`pipway credentials add`, as a person does it."""
    environ = {"XDG_CONFIG_HOME": str(folder / "no-config"), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    command = [sys.executable, "-m", "pipway", "credentials", "add", url, "--stdin", "--place", "file"]
    done = subprocess.run(command, input=f"{password}\n", text=True, env=environ, capture_output=True)
    assert done.returncode == 0, done.stderr


def started(stack: ExitStack, world: World, hops: Sequence[str], folder: Path, *, which: str, ca: Path) -> Pipway:
    """With one route for everything."""
    tables = ", ".join(f'{{ url = "{hop}", basic_in_clear = true, ca = "{ca}" }}' for hop in hops)
    file = folder / "pipway.toml"
    file.write_text(f'[[route]]\nmatch = "*"\nvia = [[{tables}]]\n')
    settings = {"extra_ca": str(world.ca)}
    index = world.index(getattr(world, which), named=True)
    return stack.enter_context(
        serving(folder / "data", f"far={index}", options=["--config", str(file)], settings=settings)
    )


@pytest.mark.parametrize("which", ["secure", "clear"])
def test_two_http_parents(
    world: World, digest_squid: DigestSquid, basic_squid: BasicSquid, stunnel: Stunnel, which: str, tmp_path: Path
) -> None:
    """Digest at the first, Basic at the second, which alone knows where the index is asked for."""
    keep(tmp_path, digest_squid.url, digest_squid.password)
    keep(tmp_path, basic_squid.url, basic_squid.password)
    hops = [digest_squid.url, basic_squid.url]
    passed = digest_squid.let_through, basic_squid.let_through
    with ExitStack() as stack:
        server = started(stack, world, hops, tmp_path, which=which, ca=stunnel.ca)
        outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site")
        assert outcome.code == 0, f"{outcome}\n{server.log.read_text()}"
        no_secret_in(server)
    assert "pkg-0" in installed(tmp_path / "site")
    assert digest_squid.let_through > passed[0]
    assert basic_squid.let_through > passed[1]
    first = [line for line in digest_squid.access if "/200" in line]
    assert all(f"localhost:{basic_squid.port}" in line for line in first[passed[0] :]), "it sees only the second parent"


def test_socks_then_tls_then_the_index(
    world: World, dante: Dante, basic_squid: BasicSquid, stunnel: Stunnel, tmp_path: Path
) -> None:
    """SOCKS with a password, inside it TLS to an https:// parent with Basic, inside that the index's own TLS."""
    keep(tmp_path, dante.url, dante.password)
    keep(tmp_path, stunnel.url(basic_squid.user), basic_squid.password)
    hops = [dante.url, stunnel.url(basic_squid.user)]
    passed = dante.let_through, basic_squid.let_through
    with ExitStack() as stack:
        server = started(stack, world, hops, tmp_path, which="secure", ca=stunnel.ca)
        outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site")
        assert outcome.code == 0, f"{outcome}\n{server.log.read_text()}"
        no_secret_in(server)
    assert dante.let_through > passed[0]
    assert basic_squid.let_through > passed[1]


@pytest.mark.parametrize("guilty", [0, 1])
def test_the_parent_that_refuses_is_named(
    world: World, digest_squid: DigestSquid, basic_squid: BasicSquid, stunnel: Stunnel, guilty: int, tmp_path: Path
) -> None:
    squids = [digest_squid, basic_squid]
    for number, squid in enumerate(squids):
        keep(tmp_path, squid.url, "Wrong-pw-0" if number == guilty else squid.password)
    bad = [squid.logons[1] for squid in squids]
    for _ in range(2):  # the second time after a restart
        with ExitStack() as stack:
            hops = [squid.url for squid in squids]
            server = started(stack, world, hops, tmp_path, which="secure", ca=stunnel.ca)
            answer = server.get("/simple/pkg-0/")
            assert answer.status == 502
            assert f"alice was rejected by localhost:{squids[guilty].port}" in answer.reason
            states = {login["parent"]: login["state"] for login in json.loads(server.get("/health").body)["logins"]}
            assert states[f"localhost:{squids[guilty].port}"] == "rejected"
            no_secret_in(server)
    assert [squid.logons[1] - before for squid, before in zip(squids, bad, strict=True)] == [1 - guilty, guilty]
