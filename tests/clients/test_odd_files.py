"""Whatever stands in a file, reading it raises nothing, and changing it gives an error of ours or a change."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clients.around import around

from pipway.clients.base import Client, Scope, Wish
from pipway.clients.conda import Conda
from pipway.clients.hatch import Hatch
from pipway.clients.pdm import Pdm
from pipway.clients.pipenv import Pipenv
from pipway.clients.pixi import Pixi
from pipway.clients.poetry import Poetry
from pipway.clients.uv import Uv
from pipway.errors import PipwayError

FILES: dict[str, tuple[Client, Scope, tuple[str, ...]]] = {
    "work/uv.toml": (Uv(), "project", ()),
    "work/pyproject.toml uv": (Uv(), "project", ("tool", "uv")),
    "work/pyproject.toml poetry": (Poetry(), "project", ("tool", "poetry")),
    "home/.config/pypoetry/config.toml": (Poetry(), "user", ()),
    "work/pyproject.toml pdm": (Pdm(), "project", ("tool", "pdm")),
    "home/.config/pdm/config.toml": (Pdm(), "user", ()),
    "work/Pipfile": (Pipenv(), "project", ()),
    "work/pyproject.toml hatch": (Hatch(), "project", ("tool", "hatch")),
    "home/.config/pixi/config.toml": (Pixi(), "user", ()),
    "work/pixi.toml": (Pixi(), "project", ()),
    "home/.condarc": (Conda(), "user", ()),
}
KEYS = (
    *("index", "index-url", "extra-index-url", "source", "url", "name", "pypi", "certificates", "default", "explicit"),
    *(
        "proxy-config",
        "https",
        "http-proxy",
        "no-proxy",
        "pypi-options",
        "pypi-config",
        "find-links",
        "pip",
        "priority",
    ),
    *(
        "workspace",
        "members",
        "envs",
        "env-vars",
        "cert",
        "ca_certs",
        "proxy_servers",
        "channels",
        "ssl_verify",
        "verify_ssl",
    ),
    *("strategy", "tls-no-verify", "repositories", "extra", "publish", "priority", "verify_ssl"),
)
keys = st.sampled_from(KEYS)
leaves = st.sampled_from(["x", "http://[bad", "http://h/", "", 1, True, 2.5])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@given(data=st.dictionaries(keys, values, max_size=5))
@settings(max_examples=25, deadline=None)
def test_odd_files(name: str, data: dict[str, Any]) -> None:
    client, scope, under = FILES[name]
    whole: dict[str, Any] = data
    for key in reversed(under):
        whole = {key: whole}
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(whole) if name.endswith(".condarc") else tomlkit.dumps(whole)  # JSON is YAML
        surroundings = around(Path(folder), {name.partition(" ")[0]: text}, {"CONDA_EXE": "conda"})
        client.effective(surroundings, None)
        client.findings(surroundings, None)
        client.files(surroundings)
        for wish in (Wish(index="http://127.0.0.1:3141/simple/"), Wish(proxy="http://p:1"), Wish(ca=Path("/c.pem"))):
            try:
                client.change(surroundings, wish, scope)
            except PipwayError as error:
                assert error.fix
