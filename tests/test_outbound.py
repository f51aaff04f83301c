"""What is made ready before the first request, and what is let go after the last."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from pipway import outbound
from pipway.dial.base import Target
from pipway.errors import UsageError
from pipway.settings import load
from pipway.trace import Trace


async def test_warming_up_loads_what_a_login_needs_and_tells_of_nothing(tmp_path: Path) -> None:
    """A file that cannot be used is the trouble of the request that needs it, which says so."""
    broken = tmp_path / "roots.pem"
    broken.write_text("nothing of the kind")
    environ = {"PIPWAY_PARENT": "http://alice@proxy.example:8080", "PIPWAY_EXTRA_CA": str(broken)}
    settings = load(environ=environ | {"PIPWAY_DATA": str(tmp_path)})
    way_out = outbound.build(settings, environ, Trace())
    await way_out.warm(settings)
    assert "spnego" in sys.modules
    with pytest.raises(UsageError):
        await way_out.trust.context()


async def test_closing_ends_the_thread_of_a_pac_file(tmp_path: Path) -> None:
    file = tmp_path / "proxy.pac"
    file.write_text("function FindProxyForURL(url, host) { return 'PROXY proxy.example:8080'; }")
    environ = {"PIPWAY_PAC": str(file), "PIPWAY_DATA": str(tmp_path)}
    others = set(threading.enumerate())
    way_out = outbound.build(load(environ=environ), environ, Trace())
    plan = await way_out.router.plan(Target("files.example", 443))
    assert str(plan.ways[0]) == "http://proxy.example:8080"
    (thread,) = (thread for thread in set(threading.enumerate()) - others if thread.name == "pac")
    await way_out.aclose()
    thread.join(10)
    assert not thread.is_alive()
