"""The real index, by ordinary installs of one real project with more than forty dependencies.

The first installer fills pipway's store, the others find it warm: the index is asked as rarely as can be. That it
cannot be reached any more is played by giving the index of the same name an address where nobody answers.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.clients import Client, Outcome, Pip, Uv, installed
from tests.e2e.lab import old_python
from tests.e2e.served import Pipway, serving
from tests.e2e.test_local import LONG_WAIT, NEVER_FRESH
from tests.servers.black_hole import black_hole

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("live"), pytest.mark.timeout(600)]

PROJECT = "jupyter-server"
LEAST = 40
INSTALLERS: list[Client] = [Pip("26.*"), Pip("20.3.4", old_python()), Pip("23.3.2"), Pip("25.0.1"), Uv()]


def install(client: Client, server: Pipway, target: Path) -> Outcome:
    """Install the project and see that all of it is there."""
    options = ["--only-binary=:all:"]
    outcome = client.install(server.index, [PROJECT], target, options=options, deadline=240)
    assert outcome.code == 0, outcome
    assert len(installed(target)) > LEAST, sorted(installed(target))
    return outcome


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store that every installer has filled, each from where the one before left it."""
    room = tmp_path_factory.mktemp("live")
    with serving(room / "data", live=True) as server:
        for client in INSTALLERS:
            install(client, server, room / f"cold-{client.name}")
        assert server.upstream_requests() > LEAST
    yield room / "data"


@pytest.mark.parametrize("client", INSTALLERS, ids=lambda each: each.name)
def test_warm_asks_the_index_for_nothing(client: Client, data: Path, tmp_path: Path) -> None:
    """Restarted, on a full store: fresh pages and files cost no request."""
    with serving(data, live=True) as server:
        install(client, server, tmp_path / "warm")
        assert server.upstream_requests() == 0


@pytest.mark.parametrize("client", INSTALLERS, ids=lambda each: each.name)
def test_the_index_refuses(client: Client, data: Path, tmp_path: Path) -> None:
    """Nobody listens where the index was; every page is long past its freshness."""
    with socket.socket() as holder:  # bound and not listening: connections are refused
        holder.bind(("127.0.0.1", 0))
        gone = f"default=http://127.0.0.1:{holder.getsockname()[1]}/simple/"
        with serving(data, gone, settings=NEVER_FRESH) as server:
            assert install(client, server, tmp_path / "refused").seconds < 2 * LONG_WAIT


@pytest.mark.parametrize("client", INSTALLERS, ids=lambda each: each.name)
def test_the_index_is_black_holed(client: Client, data: Path, tmp_path: Path) -> None:
    """Packets to the index are dropped: no refusal, no answer."""
    with black_hole() as (host, port):
        gone = f"default=http://{host}:{port}/simple/"
        with serving(data, gone, settings=NEVER_FRESH) as server:
            assert install(client, server, tmp_path / "dropped").seconds < 2 * LONG_WAIT
