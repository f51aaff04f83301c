"""One port: whoever connects, the first byte decides what it speaks."""

from pipway.server.limits import Limits
from pipway.server.listener import Server

__all__ = ["Limits", "Server"]
