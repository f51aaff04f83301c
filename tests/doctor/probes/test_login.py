"""The proxy's login: which it takes, whether ours is accepted, and how often a secret leaves, counted at the proxy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.doctor.probes.test_proxy import answer
from tests.doctor.proxied import case, found, tried
from tests.servers.counting_proxy import CountingProxy, ntlm_users
from tests.servers.rude_proxy import RudeProxy
from tests.servers.socks_server import SocksServer
from tests.servers.upstream import Upstream

from pipway.dial.credentials.base import Credential
from pipway.doctor.base import Status


async def test_the_login_in_the_url_is_used_as_the_client_does(tmp_path: Path) -> None:
    async with Upstream() as upstream, CountingProxy(login="basic", password="right horse") as server:
        url = f"http://alice:right%20horse@127.0.0.1:{server.parent().port}"
        made = case(tmp_path, url, index=upstream.url.replace("http:", "https:"))
        facts, results = await tried(made)
        assert dict(results)["login"].status is Status.WORKS, results
        assert (server.good, server.bad) == (1, 0)
        assert facts.open is not None
        await (await facts.open("127.0.0.1", int(upstream.url.split(":")[2].split("/")[0]), False)).aclose()
    assert "right" not in "\n".join(facts.transcript)
    assert any("Proxy-Authorization: Basic (17 bytes)" in line for line in facts.transcript)


@pytest.mark.slow
async def test_a_wrong_password_is_sent_once_however_often_doctor_runs(tmp_path: Path) -> None:
    async with CountingProxy(login="basic") as server:
        url = f"http://alice:wrong-pw-1@127.0.0.1:{server.parent().port}"
        _, first = await tried(case(tmp_path, url))
        assert server.bad == 1
        _, second = await tried(case(tmp_path, url))
        assert server.bad == 1, "it was refused before"
        assert found(first)[1].id == found(second)[1].id == "proxy-login-refused"
        assert "pipway credentials retry" in second[-1][1].says
        asked: list[str] = []

        def yes(question: str) -> bool:
            asked.append(question)
            return True

        made = replace(case(tmp_path, url), try_again=yes)
        _, third = await tried(made)
        assert (server.good, server.bad) == (0, 2), "a person allowed one more"
    assert "rejected" in asked[0]
    assert "wrong-pw-1" not in f"{first}{second}{third}{asked}"
    fix = found(first)[1].fix
    assert fix is not None
    assert fix.commands[0].startswith('export HTTPS_PROXY="$(pipway url --scheme http --host 127.0.0.1 --port ')
    port = url.rpartition(":")[2]
    assert fix.commands[0].endswith(f' --port {port} --user alice --password)"')


async def test_a_login_in_the_url_is_of_no_use_where_basic_is_not_taken(tmp_path: Path) -> None:
    async with CountingProxy(login="digest") as server:
        url = f"http://alice:right%20horse@127.0.0.1:{server.parent().port}"
        _, results = await tried(case(tmp_path, url))
        assert server.good == server.bad == 0
    step, finding = found(results)
    assert (step, finding.id) == ("login", "proxy-login-refused")
    assert finding.fix is not None
    assert finding.fix.commands[1].startswith("pipway credentials add USER@127.0.0.1:")
    assert "PIPWAY_FORWARD_ALLOW=127.0.0.1:1 PIPWAY_PARENT=http://USER@" in finding.fix.commands[2]


async def test_basic_in_clear_is_allowed_by_the_fix_which_says_why(tmp_path: Path) -> None:
    async with CountingProxy(login="basic") as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    step, finding = found(results)
    assert (step, finding.id) == ("login", "proxy-login-required")
    assert finding.fix is not None
    assert "Basic" in finding.fix.text
    assert " PIPWAY_PARENT_BASIC_IN_CLEAR=true pipway run " in finding.fix.commands[-1]


async def test_the_domain_of_an_ntlm_challenge_goes_into_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntlm_users(tmp_path, monkeypatch, "CORP", "alice", "right horse")
    async with CountingProxy(login="ntlm") as server:
        made = case(tmp_path, str(server.parent(user=None)))
        facts, results = await tried(replace(made, now=lambda: datetime.now(UTC) + timedelta(minutes=42)))
        assert server.good == server.bad == 0, "to ask is no logon"
    says, finding = results[-1][1].says, found(results)[1]
    assert finding.id == "proxy-login-required"
    assert "it takes NTLM; its domain is " in says
    assert "this clock is 42 minutes ahead of its own" in says
    assert facts.skew is not None
    domain = says.partition("its domain is ")[2].partition(";")[0]
    assert finding.fix is not None
    assert finding.fix.commands[0].startswith(f"pipway credentials add {domain}%5cUSER@127.0.0.1:")


@pytest.mark.parametrize(
    ("password", "logons", "command"),
    [("right horse", (1, 0), "PIPWAY_PARENT="), ("wrong-pw-2", (0, 1), "pipway credentials rotate CORP%5Calice@")],
)
async def test_what_pipway_keeps_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, logons: tuple[int, int], command: str
) -> None:
    ntlm_users(tmp_path, monkeypatch, "CORP", "alice", "right horse")
    async with Upstream() as upstream, CountingProxy(login="ntlm") as server:
        parent = server.parent(user=r"CORP\alice")
        url, index = str(server.parent(user=None)), upstream.url.replace("http:", "https:")
        kept = {parent: Credential(r"CORP\alice", password=password)}
        _, results = await tried(case(tmp_path, url, index=index, kept=kept))
        assert (server.good, server.bad) == logons, "not one logon"
        if server.bad:
            _, again = await tried(case(tmp_path, url, index=index, kept=kept))
            assert (server.good, server.bad) == logons, "it was refused before"
            assert "is not sent again" in again[-1][1].says
    finding = found(results)[1]
    assert finding.id == "proxy-login-required"
    assert finding.fix is not None
    assert command in finding.fix.commands[0]
    assert password not in str(results)


async def test_kerberos_says_what_the_ticket_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    async with RudeProxy([answer("407 x", "Proxy-Authenticate: Negotiate")]) as server:
        _, results = await tried(case(tmp_path, str(server.parent(user=None))))
    finding = found(results)[1]
    assert "Kerberos: " in results[-1][1].says
    assert finding.fix is not None
    assert finding.fix.commands[0] == "kinit USER"


async def test_a_socks_proxy_without_a_login_opens_streams(tmp_path: Path) -> None:
    async with Upstream() as upstream, SocksServer() as server:
        made = case(tmp_path, f"socks5h://127.0.0.1:{server.port}", index=upstream.url)
        facts, results = await tried(made)
    assert results[-1][1].status is Status.WORKS, results
    assert facts.open is not None


@pytest.mark.parametrize(
    ("login", "cause"), [("", "proxy-login-required"), ("alice:wrong-pw-3@", "proxy-login-refused")]
)
async def test_a_socks_proxy_with_a_login(tmp_path: Path, login: str, cause: str) -> None:
    async with SocksServer(users={"alice": "right horse"}) as server:
        url = f"socks5h://{login}127.0.0.1:{server.port}"
        _, results = await tried(case(tmp_path, url))
        await tried(case(tmp_path, url))
        assert len(server.logins) == (1 if login else 0)
    assert found(results)[1].id == cause
    assert "wrong-pw-3" not in str(results)
