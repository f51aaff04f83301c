"""Every tool under its name."""

from __future__ import annotations

import pytest

from pipway.clients.registry import CLIENTS, client
from pipway.errors import UsageError


def test_each_is_found_by_its_name() -> None:
    assert [client(name) for name in CLIENTS] == list(CLIENTS.values())
    assert [found.name for found in CLIENTS.values()] == list(CLIENTS)


def test_an_unknown_name_gets_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        client("npm")
    assert caught.value.fix.startswith("write one of")
