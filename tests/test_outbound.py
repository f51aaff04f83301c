"""The way out as settings describe it: what is made ready and let go, who is named, what several parents are for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from tests.contracts.dialer import echo, listening
from tests.contracts.stream import serving
from tests.servers.black_hole import black_hole
from tests.servers.counting_proxy import CountingProxy
from tests.servers.tiny_http import Exchange, Reply, TinyServer

from pipway import outbound
from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.dial.route.system import SystemSettings
from pipway.errors import PipwayError, UsageError
from pipway.server.outside import Forwarded
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
    environ |= {"PIPWAY_DATA": str(folder)}
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


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """A parent that takes connections and never answers."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with listening(hold) as target:
        yield f"http://{target}"


@contextlib.asynccontextmanager
async def vanished() -> AsyncIterator[str]:
    """A parent whose packets get lost."""
    with black_hole() as (host, port):
        yield f"http://{host}:{port}"


@pytest.mark.slow
@pytest.mark.parametrize("first", [mute, vanished])
async def test_a_parent_that_does_not_answer_leaves_time_for_the_next(
    first: Callable[[], contextlib.AbstractAsyncContextManager[str]], tmp_path: Path
) -> None:
    """On the same request, which no client's patience cuts short; the next request does not wait for it again."""
    events: list[str] = []
    trace = Trace()
    trace.listen(lambda name, facts: events.append(name))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "root.pem"))
    server = TinyServer(hello, tls=serving(authority, "127.0.0.1"))
    await server.start()
    async with CountingProxy() as second, first() as url:
        environ = {
            "PIPWAY_PARENT": f"{url}, {second.parent(user=None)}",
            "PIPWAY_NO_PROXY": "none",
            "PIPWAY_LIMITS_CONNECT": "0.5s",
            "PIPWAY_EXTRA_CA": str(tmp_path / "root.pem"),
            "PIPWAY_DATA": str(tmp_path),
        }
        settings = load(environ=environ)
        client = outbound.build(settings, environ, trace).client(settings, trace)
        for _ in range(2):
            response = await client.request("GET", server.origin)
            assert await response.read(100) == b"hello"
        await client.aclose()
    await server.stop()
    assert events.count("route.failed") == 1


async def hello(exchange: Exchange) -> None:
    await exchange.answer(Reply(body=b"hello", headers={"Connection": "close"}))
    raise exchange.hang_up()


@pytest.mark.slow
@pytest.mark.parametrize(("first", "code"), [(mute, "parent-timeout"), (vanished, "parent-unreachable")])
async def test_the_only_parent_is_named_when_it_does_not_answer(
    first: Callable[[], contextlib.AbstractAsyncContextManager[str]], code: str, tmp_path: Path
) -> None:
    """Not the target, which nobody can know anything about."""
    async with first() as url:
        environ = {"PIPWAY_PARENT": url, "PIPWAY_LIMITS_CONNECT": "0.2s", "PIPWAY_DATA": str(tmp_path)}
        settings = load(environ=environ)
        client = outbound.build(settings, environ, Trace()).client(settings, Trace())
        with pytest.raises(PipwayError) as caught:
            await client.request("GET", "https://files.example/")
        await client.aclose()
    assert caught.value.code == code
    assert url in caught.value.what or url.removeprefix("http://") in caught.value.what


async def test_what_holds_for_parents_holds_for_those_of_the_variables(tmp_path: Path) -> None:
    """What the message says to do, `--basic-in-clear`, is of use where https_proxy names the parent, too."""
    async with CountingProxy("basic") as proxy, listening(echo) as target:
        environ = {"https_proxy": f"http://alice:{quote(proxy.password)}@{proxy.parent().address}"}

        async def dial(more: dict[str, str]) -> None:
            settings = load(environ=more | {"PIPWAY_DATA": str(tmp_path)})
            way_out = outbound.build(settings, environ | more, Trace())
            stream = await way_out.router.dial(Target(target.host, target.port))
            await stream.aclose()
            await way_out.aclose()

        with pytest.raises(PipwayError) as caught:
            await dial({})
        assert "--basic-in-clear" in caught.value.fix
        await dial({"PIPWAY_PARENT_BASIC_IN_CLEAR": "true"})
        assert (proxy.good, proxy.bad) == (1, 0)


async def planned(environ: dict[str, str], folder: Path) -> tuple[str, str, list[str]]:
    """The ways to files.example, the reason, and what was remarked."""
    remarks: list[str] = []
    trace = Trace()
    trace.listen(lambda name, facts: remarks.append(facts["remark"]) if name == "route.remark" else None)
    way_out = outbound.build(load(environ=environ | {"PIPWAY_DATA": str(folder)}), environ, trace)
    plan = await way_out.router.plan(Target("files.example", 443))
    await way_out.aclose()
    named = {parent.named for way in plan.ways for parent in way.hops}
    return " ".join(f"{way}{' (named)' * (named == {True})}" for way in plan.ways), plan.reason, remarks


async def pac_file(exchange: Exchange) -> None:
    text = b"function FindProxyForURL(url, host) { return 'PROXY proxy.example:8080'; }"
    await exchange.answer(Reply(body=text, headers={"Connection": "close"}))
    raise exchange.hang_up()


async def test_the_pac_file_that_the_system_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followed when nothing else decides; its proxies get credentials only where a person named them."""
    server = TinyServer(pac_file)
    await server.start()
    desktop = SystemSettings({}, source="the desktop's settings", pac=f"{server.origin}/proxy.pac")
    monkeypatch.setattr(outbound, "system_settings", lambda: desktop)
    others = set(threading.enumerate())
    way, reason, remarks = await planned({}, tmp_path)
    assert way == "http://proxy.example:8080"
    assert reason.startswith("the system's PAC file URL (the desktop's settings): the PAC file answers")
    assert remarks == []
    for thread in (thread for thread in set(threading.enumerate()) - others if thread.name == "pac"):
        thread.join(10)
        assert not thread.is_alive()
    named = '[{"match": "*.far.example", "via": ["http://alice@proxy.example:8080"]}]'
    assert (await planned({"PIPWAY_ROUTES": named}, tmp_path))[0] == "http://proxy.example:8080 (named)"
    asked = len(server.requests)
    assert (await planned({"PIPWAY_OUTBOUND_SYSTEM": "false"}, tmp_path))[:2] == ("direct", "nothing says otherwise")
    assert (await planned({"PIPWAY_PARENT": "http://a.example:1"}, tmp_path))[0] == "http://a.example:1 (named)"
    assert (await planned({"https_proxy": "http://b.example:1"}, tmp_path))[0] == "http://b.example:1 (named)"
    every = '[{"match": "*", "via": ["http://c.example:1"]}]'
    assert (await planned({"PIPWAY_ROUTES": every}, tmp_path))[0] == "http://c.example:1 (named)"
    assert (await planned({"PIPWAY_NO_PROXY": "files.example"}, tmp_path))[0] == "direct"
    assert len(server.requests) == asked, "whoever decides before the system leaves its PAC file alone"
    await server.stop()


async def test_a_pac_file_of_the_system_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook away from its office: not an error, and not silent."""
    server = TinyServer(pac_file)
    await server.start()
    await server.stop()
    desktop = SystemSettings({}, source="the desktop's settings", pac=f"{server.origin}/proxy.pac")
    monkeypatch.setattr(outbound, "system_settings", lambda: desktop)
    way, _, remarks = await planned({}, tmp_path)
    assert way == "direct"
    assert len(remarks) == 1
    assert "passed over" in remarks[0]


async def test_our_client_certificate_is_not_for_other_peoples_requests(tmp_path: Path) -> None:
    """Whoever may use the proxy would else be let in at the upstream as us, to upload for instance."""
    authority, name = trustme.CA(), "localhost"
    for file, blob in (
        ("ca.pem", authority.cert_pem),
        ("own.pem", authority.issue_cert("me").private_key_and_cert_chain_pem),
    ):
        blob.write_to_path(str(tmp_path / file))
    context = serving(authority, name)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    shown: list[bool] = []

    async def handler(exchange: Exchange) -> None:
        shown.append(bool(exchange._writer.get_extra_info("peercert")))
        await exchange.answer(Reply(body=b"hello"))

    server = TinyServer(handler, tls=context, host="127.0.0.1")
    await server.start()
    url = f"https://{name}:{server.port}/"
    environ = {
        "PIPWAY_UPSTREAM": f"main={url}simple/",
        "PIPWAY_EXTRA_CA": str(tmp_path / "ca.pem"),
        "PIPWAY_TRUST_CLIENT_CERTIFICATE": str(tmp_path / "own.pem"),
        "PIPWAY_DATA": str(tmp_path),
    }
    settings = load(environ=environ)
    way_out = outbound.build(settings, environ, Trace())
    ours = way_out.client(settings, Trace())
    others = way_out.client(settings, Trace(), way_out.judging(lambda *_: None))
    try:
        await (await ours.request("GET", url)).read(10)
        reply = await others.exchange(Forwarded("GET", url, ()))
        assert [piece async for piece in reply.chunks()] == [b"hello"]
    finally:
        await ours.aclose()
        await others.aclose()
        await way_out.aclose()
        await server.stop()
    assert shown == [True, False]
