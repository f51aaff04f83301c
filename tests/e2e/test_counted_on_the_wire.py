"""Parents that do not count logons themselves: a tap on the wire does. A wrong password is on it once, ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.clients import installed
from tests.e2e.test_parents import PIP, Way, World, no_secret_in, started
from tests.lab.others import Dante, Microsocks, Tinyproxy
from tests.lab.tap import Tap

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    with made.secure.in_thread(), made.clear.in_thread():
        yield made


@pytest.fixture(params=["tinyproxy", "microsocks", "dante"])
def parent(request: pytest.FixtureRequest) -> Tinyproxy | Microsocks | Dante:
    found: Tinyproxy | Microsocks | Dante = request.getfixturevalue(request.param)
    return found


def login(parent: Tinyproxy | Microsocks | Dante) -> bytes:
    """How a login begins on the wire (RFC 9110 §11.7.2, RFC 1929 §2)."""
    if isinstance(parent, Tinyproxy):
        return b"Proxy-Authorization: Basic "
    return bytes([1, len(parent.user)]) + parent.user.encode()


def through(tap: Tap, parent: Tinyproxy | Microsocks | Dante, password: str) -> Way:
    """The parent by way of the tap."""
    url = parent.url.replace(f":{parent.port}", f":{tap.port}")
    return Way(url, {"parent_password": password, "parent_basic_in_clear": "true"}, named=False)


@pytest.mark.parametrize("which", ["secure", "clear"])
def test_a_wrong_password_is_sent_once(
    world: World, parent: Tinyproxy | Microsocks | Dante, which: str, tmp_path: Path
) -> None:
    passed = parent.let_through
    with Tap(parent.port) as tap:
        way = through(tap, parent, "Wrong-pw-0")
        for _ in range(2):  # the second time after a restart
            with ExitStack() as stack:
                server = started(stack, world, way, getattr(world, which), tmp_path / "data")
                answers = [server.get(f"/simple/pkg-{number}/") for number in range(12)]
                assert {answer.status for answer in answers} == {502}
                assert f"was rejected by 127.0.0.1:{tap.port}" in answers[0].reason
                no_secret_in(server)
        assert tap.sent(login(parent)) == 1
    assert parent.let_through == passed


@pytest.mark.parametrize("which", ["secure", "clear"])
def test_everything_goes_through_it(
    world: World, parent: Tinyproxy | Microsocks | Dante, which: str, tmp_path: Path
) -> None:
    """As many connections arrive at the index as the parent says that it opened."""
    upstream = getattr(world, which)
    with Tap(parent.port) as tap:
        passed, arrived = parent.let_through, upstream.connections
        with ExitStack() as stack:
            server = started(stack, world, through(tap, parent, parent.password), upstream, tmp_path / "data")
            outcome = PIP.install(server.index, ["pkg-0"], tmp_path / "site")
            assert outcome.code == 0, f"{outcome}\n{server.log.read_text()}"
            no_secret_in(server)
        assert tap.sent(login(parent)) >= 1
        assert upstream.connections - arrived == parent.let_through - passed > 0
    assert "pkg-0" in installed(tmp_path / "site")
