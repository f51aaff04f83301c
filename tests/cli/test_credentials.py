"""`pipway credentials`: as a person and as a CI job use it; no secret is ever printed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.contracts.dialer import echo, listening
from tests.e2e import forks
from tests.servers.counting_proxy import CountingProxy

from pipway.dial.credentials.base import Credential
from pipway.dial.rejections import Rejections

SECRET = "pä s@:/word-4718"
ALICE = "CORP%5Calice@proxy.example:8080"


class Person:
    """Someone with a home of their own and no keyring."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "pipway" / "credentials.json"
        self.environ: Mapping[str, str] = {
            **os.environ,
            "XDG_CONFIG_HOME": str(home),
            "PIPWAY_DATA": str(home / "data"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        self.seen = ""

    def run(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """What it prints on both channels."""
        done = forks.run(["credentials", *arguments], env=self.environ, text=text)
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        assert SECRET not in output
        return output


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@pytest.mark.slow
def test_add_list_rotate_retry_remove(person: Person) -> None:
    assert person.run("list") == "no login is kept\n"
    assert "in the file" in person.run("add", ALICE, "--stdin", text=f"{SECRET}\n")
    assert json.loads(person.file.read_text())["credentials"]["CORP\\alice@proxy.example:8080"]["value"] == SECRET
    (row,) = json.loads(person.run("list", "--json"))
    assert row == {
        "user": "CORP\\alice",
        "parent": "proxy.example:8080",
        "kind": "password",
        "place": "file",
        "state": "ok",
        "why": "",
    }
    memory = Rejections(person.home / "data" / "logins")
    memory.reject("k", "CORP\\alice", "proxy.example:8080", "ntlm", "it offers NTLM")
    assert "rejected by proxy.example:8080: it offers NTLM" in person.run("list")
    person.run("rotate", ALICE, "--stdin", text="another\n")
    assert json.loads(person.run("list", "--json"))[0]["state"] == "ok"
    memory.reject("k", "CORP\\alice", "proxy.example:8080", "ntlm", "")
    assert "may be tried again" in person.run("retry", ALICE)
    assert "nothing was held" in person.run("retry", ALICE)
    person.run("remove", ALICE)
    assert person.run("list") == "no login is kept\n"
    assert "[no-credential]" in person.run("remove", ALICE, code=2)


@pytest.mark.slow
def test_rotating_one_login_does_not_free_the_old_password_of_another_parent(person: Person) -> None:
    """It is still kept there, and would be sent again."""
    second = ALICE.replace("proxy", "proxy2")
    person.run("add", ALICE, second, "--stdin", text=f"{SECRET}\n")
    memory = Rejections(person.home / "data" / "logins")
    key = Credential("CORP\\alice", password=SECRET).fingerprint(memory.salt())
    memory.reject(key, "CORP\\alice", "proxy.example:8080", "ntlm", "")
    person.run("rotate", ALICE, "--stdin", text="another\n")
    assert memory.find(key) is not None
    person.run("rotate", second, "--stdin", text="another\n")
    assert memory.find(key) is None


def test_only_the_nt_hash_is_kept_where_asked(person: Person) -> None:
    person.run("add", ALICE, "--stdin", "--nt-hash", text=f"{SECRET}\n")
    text = person.file.read_text()
    assert SECRET not in text
    assert json.loads(text)["credentials"]["CORP\\alice@proxy.example:8080"]["kind"] == "nt-hash"


@pytest.mark.slow
def test_several_parents_share_a_login(person: Person) -> None:
    person.run("add", ALICE, "CORP%5Calice@proxy2.example:8080", "--stdin", text=f"{SECRET}\n")
    assert len(json.loads(person.run("list", "--json"))) == 2


@pytest.mark.slow
def test_a_keytab(person: Person) -> None:
    assert "[no-keytab]" in person.run("add", ALICE, "--keytab", str(person.home / "none"), code=2)
    (person.home / "alice.keytab").write_bytes(b"x")
    person.run("add", ALICE, "--keytab", str(person.home / "alice.keytab"))
    assert json.loads(person.run("list", "--json"))[0]["kind"] == "keytab"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (
            (f"http://alice:{SECRET.replace(' ', '%20').replace('/', '%2F')}@proxy.example:8080",),
            "",
            "password-in-argument",
        ),
        (("proxy.example:8080",), "", "no-user"),
        (("CORP\\alice@proxy.example:8080",), "", "bad-proxy-url"),
        ((ALICE, "--stdin"), "", "empty-password"),
        ((ALICE, "--stdin"), "x" * 5000, "bad-password"),
        ((ALICE,), "", "no-terminal"),
        ((ALICE, "--stdin", "--place", "keyring"), "x\n", "no-keyring"),
    ],
)
def test_what_is_refused(person: Person, arguments: tuple[str, ...], text: str, code: str) -> None:
    output = person.run("add", *arguments, text=text, code=2)
    assert f"[{code}]" in output
    assert "fix" in output
    assert not person.file.exists()


@pytest.mark.slow
def test_test_asks_first(person: Person) -> None:
    person.run("add", ALICE, "--stdin", text=f"{SECRET}\n")
    assert "Go on?" in person.run("test", ALICE, text="n\n", code=1)


@pytest.mark.slow
def test_the_refusals_of_a_server_with_a_data_folder_of_its_own(person: Person) -> None:
    """What a message of that server says to do must work there."""
    folder = person.home / "elsewhere"
    Rejections(folder / "logins").reject("k", "CORP\\alice", "proxy.example:8080", "ntlm", "it offers NTLM")
    person.run("add", ALICE, "--stdin", text=f"{SECRET}\n")
    assert "rejected" not in person.run("list")
    assert "rejected" in person.run("list", "--data", str(folder))
    assert "nothing was held" in person.run("retry", ALICE)
    config = person.home / "pipway.toml"
    config.write_text(f'data = "{folder}"\n')
    person.environ = {name: value for name, value in person.environ.items() if name != "PIPWAY_DATA"}
    assert "may be tried again" in person.run("retry", ALICE, "--config", str(config))


@pytest.mark.slow
async def test_test_logs_in_once_and_as_the_settings_say(person: Person) -> None:
    """A parent that the settings do not name is tried with the options that hold for all."""

    async def run(*arguments: str, code: int = 0) -> str:
        return await asyncio.to_thread(person.run, "test", url, "--yes", *arguments, code=code)

    async with CountingProxy("basic", password=SECRET) as proxy:
        url = f"alice@{proxy.parent().address}"
        await asyncio.to_thread(person.run, "add", url, "--stdin", text=f"{SECRET}\n")
        assert "--basic-in-clear" in await run(code=1)
        assert proxy.good == 0
        assert "did not refuse alice (basic), and could not reach index.example" in await run("--basic-in-clear")
        async with listening(echo) as target:
            assert "alice was let in by" in await run("--basic-in-clear", "--target", str(target))
        assert (proxy.good, proxy.bad) == (2, 0)
        proxy.password = "changed meanwhile"
        assert "[credential-rejected]" in await run("--basic-in-clear", code=1)
        assert "[credential-rejected]" in await run("--basic-in-clear", code=1)
        assert (proxy.good, proxy.bad) == (2, 1)


@pytest.mark.slow
def test_import(person: Person) -> None:
    (person.home / "cntlm.conf").write_text(
        f"Username alice\nDomain CORP\nPassword {SECRET}\nProxy proxy.example:8080\n"
    )
    output = person.run("import", str(person.home / "cntlm.conf"))
    assert 'url = ["http://CORP%5Calice@proxy.example:8080"]' in output
    assert json.loads(person.run("list", "--json"))[0]["user"] == "CORP\\alice"
