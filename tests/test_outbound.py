"""What is made ready before the first request."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipway import outbound
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
