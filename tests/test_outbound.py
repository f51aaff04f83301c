"""What is made ready before the first request, and what is let go after the last."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from pipway import outbound
from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
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


async def found(environ: dict[str, str], folder: Path) -> Credential | None:
    environ |= {"PIPWAY_DATA": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    settings = load(environ=environ)
    way_out = outbound.build(settings, environ, Trace())
    return await way_out.credentials.find(outbound.parents(settings)[0])


async def test_an_empty_password_is_none(tmp_path: Path) -> None:
    """A template whose variable was not set must not cost a logon."""
    environ = {"PIPWAY_PARENT": "http://alice:@proxy.example:8080"}
    assert await found(environ, tmp_path) is None
    credential = await found(environ | {"PIPWAY_PARENT_PASSWORD": "s3cret"}, tmp_path)
    assert credential is not None
    assert credential.password == "s3cret"


@pytest.mark.parametrize("text", ["s3cret", "s3cret\r\n", "\ufeffs3cret\nsecond line"])
async def test_a_password_in_a_file_is_its_first_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(text.encode())
    environ = {"PIPWAY_PARENT": "http://alice@proxy.example:8080", "PIPWAY_PARENT_PASSWORD_FILE": str(file)}
    credential = await found(environ, tmp_path)
    assert credential is not None
    assert credential.password == "s3cret"


async def test_the_password_of_the_environment_is_sent_for_one_user_alone(tmp_path: Path) -> None:
    routes = '[{"match": "*.far.example", "via": ["http://bob@far.example:3128", "http://alice@near.example:3128"]}]'
    environ = {
        "PIPWAY_PARENT": "http://alice@proxy.example:8080",
        "PIPWAY_PARENT_PASSWORD": "s3cret",
        "PIPWAY_ROUTES": routes,
        "PIPWAY_DATA": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    settings = load(environ=environ)
    way_out = outbound.build(settings, environ, Trace())
    has = {parent.user for parent in outbound.parents(settings) if await way_out.credentials.find(parent)}
    assert has == {"alice"}
    environ["PIPWAY_PARENT"] = "http://alice@proxy.example:8080,http://bob@proxy.example:8080"
    with pytest.raises(UsageError) as caught:
        outbound.build(load(environ=environ), environ, Trace())
    assert caught.value.code == "password-of-whom"


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
