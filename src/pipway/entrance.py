"""The way in, built from settings: who may use the server, what it reaches for them, under which names it shows pages.

`app` uses it, and `outbound` is its counterpart. It builds, nothing else: `access` and `web.guard` decide.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

from pipway import platforms, tokens
from pipway.access import Access, is_loopback_host
from pipway.dial.route.table import route_pattern
from pipway.settings import Settings
from pipway.web.guard import Guard


def build(
    settings: Settings, *, indexes: Callable[[str, int], bool], offered: Callable[[str, int], bool] | None = None
) -> Access:
    """The rules. `indexes` says whether an index or its files live at a host and port. UsageError.

    `offered` says it where clients are other machines: they are not led wherever a page points.
    """
    if offered is not None and not is_loopback_host(settings.server.listen.host):
        indexes = offered
    file = settings.access.tokens_file
    return Access(
        listen=settings.server.listen.host,
        tokens=tokens.load(file) if file is not None else None,
        allow_from=settings.access.allow_from,
        allow=settings.forward.allow,
        reach=settings.forward.reach,
        indexes=indexes,
        routed=[
            route_pattern(text)
            for route in settings.routes
            if any(way[0].url != "refuse" for way in route.via)
            for text in route.match
        ],
        is_own=platforms.is_own_address,
    )


def guard(settings: Settings, access: Access) -> Guard:
    """What stands before the site. This machine's own name is one of its names."""
    return Guard(access, names=names(settings))


def names(settings: Settings) -> tuple[str, ...]:
    """The server's own: those of the settings, and this machine's."""
    return (*settings.access.hosts, platform.node())
