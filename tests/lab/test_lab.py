"""The lab itself, by an independent client: each parent lets the right password through and the wrong one not."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator

import pytest
from tests.lab.kerberos import Kdc
from tests.lab.others import Dante, Microsocks, Stunnel, Tinyproxy
from tests.lab.squid import BasicSquid, DigestSquid, KerberosSquid, NtlmSquid

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("curl", "squid")]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """A web server that says OK to everything."""

    class Fine(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def curl(
    origin: str, proxy: str, *options: str, tunnel: bool = True, env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Exit code, and the statuses of CONNECT and of the request."""
    command = ["curl", "-q", "-s", "-o", "/dev/null", "-w", "%{http_connect}/%{http_code}", "-x", proxy]
    command += [*(["-p"] if tunnel else []), *options, origin]
    environ = {"PATH": "/usr/bin:/bin", **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=30)
    return done.returncode, done.stdout


def bare(url: str) -> str:
    """Without the user."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def test_basic(basic_squid: BasicSquid, origin: str) -> None:
    good, bad = basic_squid.logons
    for tunnel in (True, False):
        assert curl(origin, bare(basic_squid.url), "-U", f"alice:{basic_squid.password}", tunnel=tunnel)[1].endswith(
            "200"
        )
    assert curl(origin, bare(basic_squid.url), "-U", "alice:wrong")[1] == "407/000"
    after = basic_squid.logons
    assert after[0] > good
    assert after[1] == bad + 1


def test_digest(digest_squid: DigestSquid, origin: str) -> None:
    login = ["--proxy-digest", "-U"]
    good, bad = digest_squid.logons
    assert curl(origin, bare(digest_squid.url), *login, f"alice:{digest_squid.password}")[1] == "200/200"
    assert curl(origin, bare(digest_squid.url), *login, "alice:wrong")[1].startswith("407")
    assert digest_squid.logons == (good + 1, bad + 1)


def test_kerberos(kerberos_squid: KerberosSquid, kdc: Kdc, origin: str) -> None:
    login = ["--proxy-negotiate", "-U", ":"]
    kdc.kdestroy()
    assert curl(origin, kerberos_squid.url, *login, env=kdc.env)[1].startswith("407")
    kdc.kinit()
    assert curl(origin, kerberos_squid.url, *login, env=kdc.env)[1] == "200/200"
    kdc.kdestroy()
    assert kerberos_squid.logons[0] > 0


def test_ntlm(ntlm_squid: NtlmSquid, origin: str) -> None:
    login = ["--proxy-ntlm", "-U"]
    good, bad = ntlm_squid.logons
    assert curl(origin, bare(ntlm_squid.url), *login, f"{ntlm_squid.user}:{ntlm_squid.password}")[1] == "200/200"
    assert curl(origin, bare(ntlm_squid.url), *login, f"{ntlm_squid.user}:wrong")[1].startswith("407")
    assert ntlm_squid.logons == (good + 1, bad + 1)


def test_tinyproxy(tinyproxy: Tinyproxy, origin: str) -> None:
    assert curl(origin, bare(tinyproxy.url), "-U", f"alice:{tinyproxy.password}")[1] == "200/200"
    assert curl(origin, bare(tinyproxy.url))[1].startswith("407")
    assert curl(origin, bare(tinyproxy.url), "-U", "alice:wrong")[1].startswith("401")  # its own way of saying no


@pytest.mark.parametrize("name", ["microsocks", "dante"])
def test_socks(request: pytest.FixtureRequest, name: str, origin: str) -> None:
    server: Microsocks | Dante = request.getfixturevalue(name)
    assert curl(origin, bare(server.url), "-U", f"{server.user}:{server.password}", tunnel=False)[1].endswith("200")
    assert curl(origin, bare(server.url), "-U", f"{server.user}:wrong", tunnel=False)[0] == 97  # CURLE_PROXY


def test_stunnel(stunnel: Stunnel, basic_squid: BasicSquid, origin: str) -> None:
    options = ["--proxy-cacert", str(stunnel.ca), "-U", f"alice:{basic_squid.password}"]
    assert curl(origin, bare(stunnel.url("alice")), *options)[1] == "200/200"
    assert curl(origin, bare(stunnel.url("alice")), *options[2:])[0] != 0, "its authority is nobody's"
