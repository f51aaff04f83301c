"""Parent proxies that want a login."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.squid import BasicSquid
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import environment, pip_install, there, world


@scenario("proxy-wants-basic", cause="proxy-login-required", title="A proxy wants a login by Basic", client="pip 26")
def proxy_wants_basic(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: BasicSquid = request.getfixturevalue("basic_squid")
    with world(folder) as here:
        proxy = f"http://localhost:{squid.port}"
        env = {"HTTPS_PROXY": proxy, "PIP_INDEX_URL": here.index(), "SSL_CERT_FILE": here.bundle}
        yield Stage(
            pip_install(folder),
            environment(folder, env),
            folder,
            there(folder),
            words={"USER": squid.user},
            typed=squid.password,
            secrets=[squid.password],
        )
