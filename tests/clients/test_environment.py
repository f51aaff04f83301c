"""The variables for one command: what is given, what is left out, what is said, and how shells read it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

import pytest

from pipway import outbound
from pipway.cli.live import TOKEN_VARIABLE
from pipway.clients.environment import FORMS, INDEX, MISLEADING, PROXY, SECRETS, TRUST, Server, changes, no_proxy

URL = "http://127.0.0.1:3141/"
SIMPLE = "http://127.0.0.1:3141/simple/"


def test_the_index_for_every_tool_and_nothing_else() -> None:
    found = changes(Server(URL), {})
    assert {
        name: value for name, value in found.given.items() if name not in ("no_proxy", "NO_PROXY")
    } == dict.fromkeys(INDEX, SIMPLE)
    assert {"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PDM_PYPI_URL", "PIPENV_PYPI_MIRROR"} <= INDEX.keys()
    assert (found.left_out, found.replaced, found.remarks) == ((), (), ())


def test_the_proxy_in_both_cases_and_the_authorities() -> None:
    found = changes(Server(URL, index=False, proxy=True, bundle="/data/ca-bundle.pem"), {}).given
    assert {found[name] for name in PROXY} == {"http://127.0.0.1:3141"}
    assert {name.upper() for name in PROXY} == {"HTTP_PROXY", "HTTPS_PROXY"}
    assert found["PIP_PROXY"] == "http://127.0.0.1:3141"  # stronger than pip.conf's
    assert {found[name] for name in TRUST} == {"/data/ca-bundle.pem"}
    assert {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"} == set(TRUST)
    assert not INDEX.keys() & found.keys()  # so that lock files record the index's own address


def test_without_a_proxy_of_ours_the_users_own_stays() -> None:
    own = {"HTTPS_PROXY": "http://proxy.example:8080", "SSL_CERT_FILE": "/own.pem"}
    after = changes(Server(URL), own).applied(own)
    assert after["HTTPS_PROXY"] == "http://proxy.example:8080"
    assert after["SSL_CERT_FILE"] == "/own.pem"
    assert "127.0.0.1" in after["NO_PROXY"]  # but the index is not asked through it


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"no_proxy": "a.example, .b.example"}, "a.example,.b.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a.example", "NO_PROXY": "b.example,A.example"},
         "a.example,b.example,A.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "localhost,10.0.0.0/8,,"}, "localhost,10.0.0.0/8,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "*"),
        ({"NO_PROXY": "*, a.example"}, "*"),
        ({"NO_PROXY": "http://alice:s3cret@a.example,b.example"}, "b.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example\nPATH=/evil"}, "a.examplePATH=/evil,localhost,127.0.0.1,::1"),
    ],
)  # fmt: skip
def test_exceptions_keep_the_users_own(environ: Mapping[str, str], expected: str) -> None:
    assert no_proxy(URL, environ) == expected
    given = changes(Server(URL), environ).given
    assert given["no_proxy"] == given["NO_PROXY"] == expected


def test_a_server_on_another_address_is_excepted_and_trusted() -> None:
    """pip refuses plain http elsewhere than on loopback."""
    found = changes(Server("http://10.1.2.3:3141/"), {}).given
    assert found["PIP_TRUSTED_HOST"] == "10.1.2.3:3141"
    assert found["NO_PROXY"].endswith(",10.1.2.3")
    assert "PIP_TRUSTED_HOST" not in changes(Server("http://[::1]:3141/"), {}).given
    assert "PIP_TRUSTED_HOST" not in changes(Server("http://localhost:3141/"), {}).given


def test_what_leads_elsewhere_is_left_out_or_replaced_and_named_without_its_value() -> None:
    environ = dict.fromkeys(MISLEADING, "https://alice:s3cret@elsewhere.example/")
    environ |= {
        "PIP_INDEX_URL": "https://alice:s3cret@corp.example/simple/",
        "PIP_EXTRA_INDEX_URL": "https://x.example/",
    }
    found = changes(Server(URL), environ)
    after = found.applied(environ)
    assert "s3cret" not in repr(after)
    assert not set(MISLEADING) & after.keys()
    assert after["PIP_EXTRA_INDEX_URL"] == SIMPLE  # empty would let pip.conf's extra index stand
    (line,) = found.remarks
    for name in (*MISLEADING, "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        assert name in line
    assert "example" not in line


def test_one_that_is_kept_stays_as_it_is() -> None:
    environ = {"PIP_FIND_LINKS": "/wheels", "PIP_EXTRA_INDEX_URL": "https://x.example/", "UV_INDEX": ""}
    found = changes(Server(URL), environ, keep=["PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"])
    after = found.applied(environ)
    assert (after["PIP_FIND_LINKS"], after["PIP_EXTRA_INDEX_URL"]) == ("/wheels", "https://x.example/")
    assert found.remarks == ()


def test_a_star_lets_the_rest_go_past() -> None:
    assert "NO_PROXY is *" in changes(Server(URL, proxy=True), {"NO_PROXY": "*"}).remarks[0]
    assert changes(Server(URL), {"NO_PROXY": "*"}).remarks == ()


def test_build_scripts_do_not_learn_pipways_secrets() -> None:
    assert {outbound.PASSWORD, outbound.NT_HASH, TOKEN_VARIABLE} == set(SECRETS)
    login = "https://bot:s3cret@index.example/simple"
    environ = dict.fromkeys(SECRETS, "s3cret") | {"HOME": "/home/alice", "PIPWAY_DATA": "/tmp/data"}
    environ |= {
        "PIPWAY_UPSTREAM": f"a=https://a.example/, b={login}",
        "PIPWAY_PARENT": "http://alice:s3cret@proxy:8080",
    }
    left = changes(Server(URL), environ).applied(environ, secrets=False)
    assert "s3cret" not in str(left)
    assert left["PIPWAY_DATA"] == "/tmp/data"
    assert changes(Server(URL), environ).applied(environ)["HOME"] == "/home/alice"


AWKWARD = 'a\'b $HOME `id` \\ "c".example'


def test_sh_reads_what_was_meant() -> None:
    """Whatever stands in a value."""
    found = changes(Server(URL), {"NO_PROXY": AWKWARD, "UV_INDEX": "https://x.example/"})
    script = "\n".join(FORMS["sh"](found)) + '\nprintf "%s\\n" "$NO_PROXY" "$PIP_INDEX_URL" "${UV_INDEX-none}"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env={"UV_INDEX": "https://x.example/"})
    assert done.stdout.splitlines() == [f"{AWKWARD},localhost,127.0.0.1,::1", SIMPLE, "none"]


def test_the_other_forms() -> None:
    found = changes(Server(URL), {"NO_PROXY": AWKWARD, "UV_INDEX": "https://x.example/"})
    no = "localhost,127.0.0.1,::1"
    fish, power = "\n".join(FORMS["fish"](found)), "\n".join(FORMS["powershell"](found))
    assert f"set -gx NO_PROXY 'a\\'b $HOME `id` \\\\ \"c\".example,{no}'" in fish
    assert "set -e UV_INDEX" in fish
    assert f"$env:NO_PROXY = 'a''b $HOME `id` \\ \"c\".example,{no}'" in power
    assert "Remove-Item Env:UV_INDEX -ErrorAction Ignore" in power
    github = FORMS["github"](found)
    assert "UV_INDEX=" in github
    assert f"PIP_INDEX_URL={SIMPLE}" in github
    assert all("\n" not in line for line in github)
    assert json.loads("\n".join(FORMS["json"](found))) == {"set": dict(found.given), "unset": ["UV_INDEX"]}
