"""Every installer, 45 packages that need each other, one pipway: cold, warm, and with the upstream gone.

The tests of one installer run in this order on one data folder; what the first stored is what the later ones use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.clients import Client, Outcome, installed
from tests.e2e.served import Pipway, serving
from tests.servers.black_hole import vanished
from tests.servers.upstream import Upstream

PACKAGES = 45
#: An install of all of them takes a second or two; whoever waits for a dead upstream per page takes minutes.
LONG_WAIT = 20.0
#: How the upstream looks: oldest and newest clients meet a full index, the ones between a bare HTML front.
BARE = ("pip-23.3.2", "pip-25.0.1")
#: Pages are never fresh: every one of them makes pipway ask the upstream, or at least think about it.
NEVER_FRESH = {"cache.page_ttl": "0s", "cache.stale_while_revalidate": "0s"}


@dataclass
class Scene:
    """One installer, its upstream, and the pipway data that survives from test to test."""

    client: Client
    upstream: Upstream
    top: str
    room: Path
    runs: int = 0

    @property
    def source(self) -> str:
        """What pipway is told to fetch from."""
        return f"main={self.upstream.url}"

    @property
    def data(self) -> Path:
        """pipway's folder."""
        return self.room / "data"

    def install(self, server: Pipway) -> Outcome:
        """Install everything into a folder of its own and check that it is all there."""
        self.runs += 1
        target = self.room / f"target-{self.runs}"
        outcome = self.client.install(server.index, [self.top], target)
        assert outcome.code == 0, outcome
        assert {name for name in installed(target) if name.startswith("pkg-")} == {f"pkg-{n}" for n in range(PACKAGES)}
        return outcome


@pytest.fixture(scope="module")
def scene(installer: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene after one cold install, which is checked here because every later test rests on it."""
    form = "minimal" if installer.name in BARE else "json"
    with Upstream(form=form, files_apart=True).in_thread() as upstream:  # type: ignore[arg-type]
        scene = Scene(installer, upstream, upstream.add_many(PACKAGES), tmp_path_factory.mktemp(installer.name))
        with serving(scene.data, scene.source) as server:
            scene.install(server)
            files = [r for r in upstream.asked("/files/*.whl", method="GET") if not r.header("range")]
            assert len(files) == PACKAGES  # each wheel once, whatever the client asked for on the way
            assert {request.header("user-agent").partition("/")[0] for request in upstream.requests} == {"pipway"}
        yield scene


def test_cold_again_with_another_data_folder(scene: Scene, tmp_path: Path) -> None:
    """The way to a full store does not depend on what happened before."""
    with serving(tmp_path / "fresh", scene.source) as server:
        scene.install(server)
        assert server.upstream_requests() >= 2 * PACKAGES


def test_warm_asks_upstream_for_nothing(scene: Scene) -> None:
    """Fresh pages and stored files: not one request leaves, and the counter says the same as the upstream."""
    with serving(scene.data, scene.source) as server:
        before = len(scene.upstream.requests)
        scene.install(server)
        assert server.upstream_requests() == 0
    assert len(scene.upstream.requests) == before


def test_upstream_refused(scene: Scene) -> None:
    """The upstream's machine is up and its server is not; pages are long past their freshness."""
    with serving(scene.data, scene.source, settings=NEVER_FRESH) as server:
        scene.upstream.down()
        try:
            assert scene.install(server).seconds < LONG_WAIT
        finally:
            scene.upstream.up()


def test_upstream_black_holed(scene: Scene) -> None:
    """A firewall drops every packet: nobody refuses, nobody answers (devpi#549)."""
    with serving(scene.data, scene.source, settings=NEVER_FRESH) as server, vanished(scene.upstream):
        assert scene.install(server).seconds < LONG_WAIT


def test_never_seen_with_the_upstream_down_is_503_and_no_client_takes_it_for_missing(scene: Scene) -> None:
    """Never a 404: that would send an installer to the next index (index-protocol: status codes)."""
    with serving(scene.data, scene.source) as server:
        scene.upstream.down()
        try:
            answer = server.get("/simple/never-seen/", accept="application/vnd.pypi.simple.v1+json")
            impatient = {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "1"}
            env = {} if scene.client.name == "pip-26" else impatient  # one as patient as it comes
            outcome = scene.client.install(server.index, ["never-seen"], scene.room / "no", env=env)
        finally:
            scene.upstream.up()
    assert answer.status == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 2  # pip sleeps that long before each of its five retries
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cannot connect" in answer.reason
    assert outcome.code != 0
    assert outcome.seconds < LONG_WAIT


def test_offline_serves_what_is_stored_and_asks_nobody(scene: Scene) -> None:
    """`--offline` is a decision, not an outage: no waiting, no attempts."""
    before = len(scene.upstream.requests)
    with serving(scene.data, scene.source, options=["--offline"], settings=NEVER_FRESH) as server:
        scene.install(server)
        assert server.get("/simple/never-seen/").status == 503
        assert server.upstream_requests() == 0
    assert len(scene.upstream.requests) == before
