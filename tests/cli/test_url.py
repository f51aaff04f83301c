"""`pipway url` as a person and as a script use it: no secret in an argument, none on a terminal unasked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pipway.cli.url import app
from pipway.errors import UsageError

SECRET = "pä s@:/w#rd?%"
ENCODED = "p%C3%A4%20s%40%3A%2Fw%23rd%3F%25"


def run(*arguments: str, text: str = "", code: int = 0) -> tuple[str, str]:
    """Standard output and error."""
    done = CliRunner().invoke(app, arguments, input=text)
    if isinstance(done.exception, UsageError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def refused(*arguments: str, text: str = "") -> str:
    with pytest.raises(UsageError) as raised:
        run(*arguments, text=text)
    assert SECRET not in str(raised.value)
    assert "hunter2" not in str(raised.value)
    return raised.value.code


def test_built_without_and_with_a_password() -> None:
    parts = ("--host", "Proxy", "--port", "8080", "--user", "CORP\\alice")
    assert run(*parts) == ("http://CORP%5Calice@proxy:8080\n", "")
    out, said = run(*parts, "--password-stdin", text=f"{SECRET}\n")
    assert out == f"http://CORP%5Calice:{ENCODED}@proxy:8080\n"
    assert "holds the password" in said
    assert ENCODED not in said
    assert json.loads(run(*parts, "--json")[0]) == {"url": "http://CORP%5Calice@proxy:8080"}


def test_built_for_an_index() -> None:
    assert run("--index", "--host", "::1", "--path", "repository/a b/simple/", "--user", "svc")[0] == (
        "https://svc@[::1]/repository/a%20b/simple/\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("more", "seen"), [((), "alice:[hidden]@proxy"), (("--show",), "alice:hunter2@proxy")])
def test_on_a_terminal_the_password_is_asked_for_and_shown_only_if_wanted(more: tuple[str, ...], seen: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pipway", "url", "--host", "proxy", "--user", "alice", "--password", *more]
    environ = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True
    ) as process:
        os.close(theirs)
        output = b""
        while b"Password: " not in output:
            output += os.read(ours, 1024)
        os.write(ours, b"hunter2\n")
        try:
            while block := os.read(ours, 1024):
                output += block
        except OSError:  # Linux: nobody is at the other end any more
            pass
        assert process.wait(30) == 0, output
    os.close(ours)
    text = output.decode()
    assert seen in text
    assert text.count("hunter2") == len(more)


def test_check_names_what_is_wrong_and_hides_the_password() -> None:
    out, said = run("--check", text=f"http://CORP\\alice:{SECRET}@proxy:8080\n", code=1)
    assert "'\\' as it is, which is written %5C" in out
    assert "http://CORP%5Calice:[hidden]@proxy:8080" in out
    assert "--show" in said
    assert SECRET not in out + said
    assert ENCODED not in out + said
    assert (
        f"CORP%5Calice:{ENCODED}@proxy"
        in run("--check", "-", "--show", text=f"http://CORP\\alice:{SECRET}@proxy:8080", code=1)[0]
    )


def test_check_says_no_piece_of_a_password() -> None:
    """pip takes the digits for a port."""
    out, _ = run("--check", text="http://alice:31415#x@proxy:8080\n", code=1)
    assert "31415" not in out
    assert "pip       pip takes a piece of the login for the host" in out


def test_check_of_an_argument_and_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pip       pip asks http://proxy:8080\n" in run("--check", "http://proxy:8080")[0]
    assert "without a login" in run("--check", "http://CORP%5Calice@proxy:8080", code=1)[0]
    assert run("--check", "--index", "https://nexus.example/simple/")[0] == "fine      https://nexus.example/simple/\n"
    monkeypatch.setenv("HTTPS_PROXY", "http://alice:hunter2@proxy:8080")
    out, _ = run("--check", "--variable", "HTTPS_PROXY", "--json")
    found = json.loads(out)
    assert (found["ok"], found["corrected"]) == (True, "http://alice:[hidden]@proxy:8080")
    assert "hunter2" not in out


def test_a_user_alone_is_the_token_of_an_index() -> None:
    """As `configure --index-url` has it: in no argument, and shown only where that is asked for."""
    url = "https://hunter2@nexus.example/simple/"
    assert refused("--check", "--index", url) == "password-in-argument"
    assert run("--check", "--index", "-", text=url)[0] == "fine      https://[hidden]@nexus.example/simple/\n"
    for words in (["--check"], ["--parts"], ["--check", "--json"], ["--parts", "--json"]):
        assert "hunter2" not in "".join(run(*words, "--index", "-", text=url))
        assert "hunter2" in run(*words, "--index", "--show", "-", text=url)[0]


def test_an_index_in_clear_is_not_fine() -> None:
    out, _ = run("--check", "--index", "http://nexus.example/simple/", code=1)
    assert "without TLS" in out
    assert run("--check", "--index", "http://127.0.0.1:3141/simple/")[0].startswith("fine")


def test_what_is_piped_in_does_nothing_to_the_terminal() -> None:
    out, said = run("--parts", "-", text="http://\x9b2J\u202e:x@h:1")
    assert not {"\x9b", "\u202e"} & {*out, *said}
    assert "its user or password has letters that are not ASCII" in said


def test_no_password_is_no_empty_one() -> None:
    assert refused("--host", "h", "--user", "a", "--password-stdin") == "no-password"
    assert run("--host", "h", "--user", "a", "--password-stdin", text="\n")[0] == "http://a:@h\n"


def test_parts() -> None:
    out, _ = run("--parts", "-", "--json", text="http://CORP%5Calice:hunter2@[::1]:8080")
    assert json.loads(out) == {
        "scheme": "http",
        "host": "::1",
        "port": 8080,
        "user": "CORP\\alice",
        "password": "[hidden]",
        "path": "",
        "mistakes": [],
    }
    assert "password  hunter2\n" in run("--parts", "-", "--show", text="http://alice:hunter2@proxy:8080")[0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--check", "http://alice:hunter2@proxy:8080"), "password-in-argument"),
        (("--parts", "alice:hunter2@proxy:8080"), "password-in-argument"),
        (("--check", "http://alice:hunter2#@proxy:8080"), "password-in-argument"),
        (("http://proxy:8080",), "url-what"),
        (("--port", "1"), "url-what"),
        (("--check", "--parts", "http://proxy:1"), "url-what"),
        (("--check", "--host", "proxy"), "url-what"),
        (("--check", "-", "--variable", "X"), "url-what"),
        (("--check", "--variable", "NOT_SET_ANYWHERE"), "variable-unset"),
        (("--check", "http://proxy:http"), "bad-url"),
        (("--host", "proxy", "--password"), "no-terminal"),
        (("--host", "proxy", "--scheme", "ftp"), "bad-url"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], code: str) -> None:
    assert refused(*arguments) == code
