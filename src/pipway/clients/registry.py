"""Every tool that pipway knows, in the order in which people are told of them.

`settings --clients`, `configure`, `doctor` and the audit go through it. A client keeps no state and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipway.clients.base import Client
from pipway.clients.conda import Conda
from pipway.clients.easy_install import EasyInstall
from pipway.clients.hatch import Hatch
from pipway.clients.pdm import Pdm
from pipway.clients.pip import Pip
from pipway.clients.pipenv import Pipenv
from pipway.clients.pixi import Pixi
from pipway.clients.poetry import Poetry
from pipway.clients.twine import Twine
from pipway.clients.uv import Uv
from pipway.errors import UsageError

_ALL: tuple[Client, ...] = (Pip(), Uv(), Poetry(), Pdm(), Pipenv(), Hatch(), Conda(), Pixi(), Twine(), EasyInstall())

#: name → client, in order: pip, uv, poetry, pdm, pipenv, hatch, conda, pixi, twine, easy_install
CLIENTS: Mapping[str, Client] = MappingProxyType({client.name: client for client in _ALL})


def client(name: str) -> Client:
    """The client of that name, however it is written. UsageError when there is none."""
    found = CLIENTS.get(name.lower().replace("-", "_"))
    if found is None:
        raise UsageError(
            "unknown-tool", f"{name} is no tool that pipway knows", fix=f"write one of: {', '.join(CLIENTS)}"
        )
    return found
