"""What a diff shows of a file, and what it never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.clients.base import Change
from pipway.clients.diff import diff, hide

PATH = Path("/home/alice/.config/pip/pip.conf")


def test_it_is_unified() -> None:
    before = b"[global]\n# mine\nindex-url = https://old.example/simple/\n"
    after = b"[global]\n# mine\nindex-url = http://127.0.0.1:3141/simple/\n"
    assert diff([Change(PATH, before, after), Change(PATH, before, before)]) == (
        f"--- {PATH}\n+++ {PATH}\n@@ -1,3 +1,3 @@\n [global]\n # mine\n"
        "-index-url = https://old.example/simple/\n+index-url = http://127.0.0.1:3141/simple/\n"
    )


def test_files_that_come_and_go_and_have_no_last_line_end() -> None:
    assert diff([Change(PATH, None, b"a")]) == (
        f"--- /dev/null\n+++ {PATH}\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n"
    )
    assert diff([Change(PATH, b"a\n", None)]).startswith(f"--- {PATH}\n+++ /dev/null\n")


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https://svc:hunter2@nexus.example/simple/",
        "proxy = http://svc:h u/nter2#hunter2?@hunter2@proxy.example:8080",
        "proxy = svc:hunter2@proxy.example:8080",
        'proxy = "hunter2:x@proxy.example:8080"',
        "password = hunter2",
        "password: hunter2 with words",
        'publish-token = "hunter2"',
        "api_key='hunter2'",
        'dependencies = { password = "hunter2", name = "x" }',
        '{"url": "u", "password": "hunter2"}',
        "machine nexus.example login svc password hunter2",
        "machine nexus.example\n  login svc\n  password\n    hunter2",
        "default login svc account hunter2 password hunter2",
        "Authorization: Basic hunter2hunter2=",
        "UV_INDEX_CORP_PASSWORD=hunter2",
        "git+https://hunter2@git.example/a/b.git@main",
        "git+https://svc.x:hunter2/3@git.example/a/b.git@main",
        "git+https://svc.x/hunter2@git.example/a/b.git",
    ],
)
def test_no_secret_is_shown(line: str) -> None:
    shown = diff([Change(PATH, f"# one\n{line}\n".encode(), f"# two\n{line}\nmore\n".encode())])
    assert "hunter2" not in shown
    assert "[hidden]" in shown
    assert hide(line).count("\n") == line.count("\n")


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https://index.example:8443/simple/",
        "# ask alice@corp.example for a token",
        "no_proxy = localhost,127.0.0.1,.corp.example",
        "require-hashes = true",
        'index = [{ url = "https://index.example/simple/", default = true }]',
        "keyring-provider = subprocess",
        "timeout: 60",
        "git+https://git.example/a/b.git@main",
        "b @ git+https://git.example/a/b.git@v1.2#egg=b",
    ],
)
def test_the_rest_is(line: str) -> None:
    assert hide(line) == line


def test_a_change_of_a_secret_alone_is_said() -> None:
    shown = diff([Change(PATH, b"password = hunter2\n", b"password = hunter3\n")])
    assert "hunter" not in shown
    assert "only what is hidden" in shown


def test_a_terminal_is_not_told_what_to_do() -> None:
    assert "\x1b" not in diff([Change(PATH, None, b"a\x1b[2Jb\n")])


def test_a_sentence_about_passwords_is_no_netrc() -> None:
    for text in ("[pypi] holds a password in clear", "its user or password has letters that are not ASCII"):
        assert hide(text) == text
