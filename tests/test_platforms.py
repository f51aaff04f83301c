"""What is asked of the operating system."""

from __future__ import annotations

import ipaddress
import subprocess
import sys

import pytest

from pipway import platforms


@pytest.mark.parametrize(
    ("text", "own"),
    [("127.0.0.1", True), ("127.9.9.9", sys.platform == "linux"), ("192.0.2.1", False), ("2001:db8::1", False)],
)
def test_own_addresses(text: str, own: bool) -> None:
    """RFC 5737 and RFC 3849: documentation's addresses are nobody's."""
    assert platforms.is_own_address(ipaddress.ip_address(text)) == own


RAISED = """
import resource
from pipway import platforms
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 900))
print(platforms.open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_as_many_files_as_are_allowed_at_all() -> None:
    """Shells start with a soft limit of 256 or 1024; services may raise it themselves. Windows has no such limit."""
    if platforms.WINDOWS:
        assert platforms.open_files() > 1024
        return
    done = subprocess.run([sys.executable, "-c", RAISED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["900", "900"]
