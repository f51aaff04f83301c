"""Large packets; what a stall means is tried in test_download.py."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.probes.asked import case

from pipway.doctor.base import Facts, Status
from pipway.doctor.probes.mtu import PROBE


async def test_nothing_is_asked_as_long_as_nothing_stalled(tmp_path: Path) -> None:
    result = await PROBE.run(case("http://127.0.0.1:9/simple/", tmp_path), Facts(file_url="http://127.0.0.1:9/x.whl"))
    assert result.status is Status.SKIPPED
