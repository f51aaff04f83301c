"""An index that refuses the login in its URL hears it once: ten installers and a restart lock no account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.served import Answer, serving
from tests.servers import rude
from tests.servers.upstream import Upstream

PASSWORD = "wr0ng-battery"


def test_a_refused_login_is_sent_once(tmp_path: Path) -> None:
    with Upstream().in_thread() as upstream:
        upstream.behave("*", rude.failing(401))
        settings = {"upstream": "corp=" + upstream.url.replace("://", f"://alice:{PASSWORD}@")}
        for _ in range(2):
            with serving(tmp_path / "data", settings=settings) as server, ThreadPoolExecutor(10) as pool:
                answers: list[Answer] = list(pool.map(lambda number: server.get(f"/simple/p{number}/"), range(10)))
            assert {answer.status for answer in answers} == {502}
            assert all(f"{upstream.origin} refused the login of alice (401)" in answer.reason for answer in answers)
            assert all("pipway credentials retry alice@" in answer.body.decode() for answer in answers)
            assert PASSWORD not in repr(answers) + server.log.read_text()
        assert len(upstream.requests) == 1
