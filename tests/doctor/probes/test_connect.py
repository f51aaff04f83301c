"""The tunnel to the index: opened, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor.probes.test_proxy import answer
from tests.doctor.proxied import case, found, tried
from tests.servers.counting_proxy import CountingProxy
from tests.servers.rude_proxy import RudeProxy
from tests.servers.upstream import Upstream

from pipway.doctor.base import Facts, Status
from pipway.doctor.probes.connect import PROBE


async def test_a_tunnel_is_left_for_later_steps(tmp_path: Path) -> None:
    async with Upstream() as upstream, CountingProxy() as server:
        url = upstream.url.replace("http:", "https:")  # nothing is said inside the tunnel
        facts, results = await tried(case(tmp_path, str(server.parent(user=None)), index=url))
        assert [result.status for _, result in results] == [Status.WORKS, Status.WORKS, Status.SKIPPED]
        assert facts.open is not None
        stream = await facts.open("127.0.0.1", int(upstream.url.split(":")[2].split("/")[0]), False)
        await stream.write(b"GET /simple/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await stream.read()).startswith(b"HTTP/1.1 ")
        await stream.aclose()
    assert all(line.startswith("CONNECT ") for line in server.seen)


async def test_an_index_without_tls_is_asked_in_absolute_form(tmp_path: Path) -> None:
    async with RudeProxy([answer("404 Not Found", "Server: nginx")]) as server:
        made = case(tmp_path, str(server.parent(user=None)), index="http://index.example:8080/simple/")
        facts, results = await tried(made)
    assert facts.open is not None
    assert results[1][1].status is Status.WORKS
    assert server.requests[0].startswith(b"GET http://index.example:8080/simple/ HTTP/1.1\r\n")


async def test_a_refusal_of_the_proxy_itself_is_told_from_the_indexs(tmp_path: Path) -> None:
    async with RudeProxy([answer("403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0")]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None)), index="http://index.example/simple/"))
    assert found(results)[1].id == "proxy-refuses"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("403 Forbidden", "proxy-refuses"),
        ("503 Service Unavailable", "proxy-cannot-connect"),
        ("302 x", "proxy-refuses"),
    ],
)
async def test_a_refusal_is_told_with_its_reason(tmp_path: Path, status: str, cause: str) -> None:
    async with RudeProxy([answer(status, "Via: 1.1 x (squid/6.12)")]) as server:
        facts, results = await tried(case(tmp_path, str(server.parent(user=None))))
    step, finding = found(results)
    assert (step, finding.id) == ("connect", cause)
    assert status in finding.what
    assert finding.fix is not None
    assert "127.0.0.1:1" in finding.fix.text
    assert facts.open is None


@pytest.mark.parametrize(
    ("user", "cause", "command"),
    [
        (r"CORP\alice", "stored-login-rejected", "pipway credentials rotate CORP%5Calice@proxy.example:8080"),
        ("alice", "login-without-domain", "pipway credentials add DOMAIN%5calice@proxy.example:8080"),
    ],
)
async def test_another_pipway_on_the_way_says_it_in_words(tmp_path: Path, user: str, cause: str, command: str) -> None:
    account = f"{user}@proxy.example:8080".replace("\\", "%5C")
    reason = f"502 pipway: {user} was rejected by proxy.example:8080 (NTLM); pipway credentials rotate {account}"
    async with RudeProxy([answer(reason)]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    step, finding = found(results)
    assert (step, finding.id) == ("connect", cause)
    assert finding.fix is not None
    assert finding.fix.commands[0] == command


async def test_a_question_for_a_login_is_no_refusal(tmp_path: Path) -> None:
    async with RudeProxy(
        [answer("407 x", "Proxy-Authenticate: Digest realm=x", "Proxy-Authenticate: Basic")]
    ) as server:
        facts, results = await tried(case(tmp_path, str(server.parent(user=None))))
    assert dict(results)["connect"].status is Status.WORKS
    assert "Digest, Basic" in dict(results)["connect"].says
    assert [each.scheme for each in facts.offered] == ["digest", "basic"]


async def test_without_a_proxy_streams_are_opened_straight(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        made = case(tmp_path, "", index=upstream.url)
        facts = Facts()
        assert (await PROBE.run(made, facts)).status is Status.SKIPPED
        assert facts.open is not None
        stream = await facts.open("127.0.0.1", int(upstream.url.split(":")[2].split("/")[0]), True)
        await stream.aclose()
