"""What pip and uv understand of a proxy's URL, asked of the real ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.e2e.clients import Pip, Uv
from tests.e2e.lab import neutral_environment

from pipway.clients.proxies import by_pip, by_uv, corrected, shell_correction, traps, understood

#: PORT is a proxy that listens on 127.0.0.1
URLS = (
    *("http://127.0.0.1:PORT", "http://127.0.0.1:PORT/", "127.0.0.1:PORT", "localhost:PORT", "//127.0.0.1:PORT"),
    *("http://u:p@127.0.0.1:PORT", "u:p@127.0.0.1:PORT", "http://u@127.0.0.1:PORT", "http:127.0.0.1:PORT"),
    *("http://CORP\\u:p@127.0.0.1:PORT", "http://CORP%5Cu:p@127.0.0.1:PORT", "http://u:p@ss@127.0.0.1:PORT"),
    *("http://u:p#s@127.0.0.1:PORT", "http://u:p?s@127.0.0.1:PORT", "http://u:p/s@127.0.0.1:PORT"),
    *("http://u:p s@127.0.0.1:PORT", "http://u:pä@127.0.0.1:PORT", "http://u:p%s@127.0.0.1:PORT"),
    *("http://u:p:s@127.0.0.1:PORT", "http://u:p[s@127.0.0.1:PORT", 'http://u:p"s@127.0.0.1:PORT'),
    *("http://u:p$s!@127.0.0.1:PORT", "http://u:p^s@127.0.0.1:PORT", "http://u:p+s@127.0.0.1:PORT"),
    *("ftp://127.0.0.1:PORT", " http://127.0.0.1:PORT", "'http://127.0.0.1:PORT'", "HTTP://127.0.0.1:PORT"),
    *("http://u:p%40s@127.0.0.1:PORT", "127.0.0.1:PORT/", "https://127.0.0.1:PORT", "http:///127.0.0.1:PORT"),
)


class Proxy:
    """Takes a connection, keeps what comes first, and has nothing."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(5)
                first = connection.recv(8192)
                if first == b"end":
                    return
                self.seen.append(first)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"end")
        self._thread.join()
        self._socket.close()

    def login(self) -> tuple[bool, str | None]:
        """Whether somebody came, and with which login."""
        if not self.seen:
            return False, None
        lines = self.seen[0].split(b"\r\n")
        sent = [line for line in lines if line.lower().startswith(b"proxy-authorization")]
        return True, base64.b64decode(sent[0].split()[-1]).decode("latin-1") if sent else None


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def asked(url: str, folder: Path) -> tuple[bool, str | None]:
    """What uv does with it."""
    proxy = Proxy()
    try:
        env = neutral_environment() | {"HTTP_PROXY": url.replace("PORT", str(proxy.port)), "UV_HTTP_RETRIES": "0"}
        command = [*Uv().command(), "pip", "install", "--no-cache", "--default-index", "http://index.invalid/simple/"]
        subprocess.run(
            [*command, "--target", str(folder), "idna"],
            env=env,
            cwd=folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return proxy.login()
    finally:
        proxy.close()


@pytest.mark.slow
def test_uv_does_what_is_said_of_it(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(URLS, pool.map(lambda url: asked(url, folder), URLS), strict=True))
    for url, (reached, login) in results.items():
        said = by_uv(url.replace("PORT", "8080"))
        expected = f"{said.user}:{said.password}" if said.login else None
        assert (said.host in {"127.0.0.1", "localhost"}, expected) == (reached, login), url
        if said.works:
            assert reached, url


#: What requests does on the way to a proxy, with pip's own copy of it.
ASK_PIP = """
import json, sys
from pip._vendor.requests import utils
from pip._vendor.requests.adapters import HTTPAdapter
from pip._vendor.urllib3.util import parse_url
def one(url):
    utils.get_auth_from_url(url)  # as Session.rebuild_proxies does
    proxy = utils.prepend_scheme_if_needed(url, "http")
    parsed = parse_url(proxy)
    if not parsed.host:
        return None
    manager = HTTPAdapter().proxy_manager_for(proxy)
    headers = HTTPAdapter().proxy_headers(proxy)
    return [manager.proxy.scheme, manager.proxy.host, manager.proxy.port, headers.get("Proxy-Authorization")]
answers = []
for url in json.load(sys.stdin):
    try:
        answers.append(one(url))
    except Exception:
        answers.append(None)
print(json.dumps(answers))
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["25.0.1", "26.*"])
def test_pip_does_what_is_said_of_it(version: str) -> None:
    urls = [url.replace("PORT", "8080") for url in URLS]
    done = subprocess.run(
        [Pip(version).command()[0], "-c", ASK_PIP],
        input=json.dumps(urls),
        env=neutral_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for url, answer in zip(urls, json.loads(done.stdout), strict=True):
        said = by_pip(url)
        if answer is None:
            assert not said.works, url
            continue
        scheme, host, port, header = answer
        login = base64.b64decode(header.split()[1]).decode("latin-1") if header else None
        expected = f"{said.user}:{said.password}" if said.login else None
        if said.works:
            assert (said.scheme, said.host, said.port, expected) == (scheme, host, port, login), url
        else:
            assert host != "127.0.0.1" or (login is None and "@" in url), url


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("http://proxy.corp:8080", []),
        ("http://CORP%5Cann:p%40ss@proxy.corp:8080", []),
        ("http://proxy.corp", ["no-port"]),
        ("proxy.corp:8080", ["no-scheme"]),
        ("proxy:8080", ["no-scheme"]),
        ("http://CORP\\ann:pw@proxy.corp:8080", ["backslash"]),
        ("http://ann:p#w@proxy.corp:8080", ["cut"]),
        ("http://ann:p?w@proxy.corp:8080", ["cut"]),
        ("http://ann:p/w@proxy.corp:8080", ["cut"]),
        ("http://ann:p@w@proxy.corp:8080", ["at"]),
        ("http://ann:p w@proxy.corp:8080", ["unencoded"]),
        ("http://ann:p%w@proxy.corp:8080", ["percent"]),
        ("http://ann@proxy.corp:8080", ["no-password"]),
        ("https://proxy.corp:8080", ["https"]),
        ("socks5h://proxy.corp:1080", ["socks"]),
        ("htp://proxy.corp:8080", ["scheme"]),
        ("'http://proxy.corp:8080'", ["wrapped"]),
        ("http://proxy.corp:eighty", ["unreadable"]),
        ("", []),
    ],
)
def test_traps(url: str, codes: list[str]) -> None:
    found = traps(url)
    assert [trap.code for trap in found] == codes
    assert not any(secret in trap.what for trap in found for secret in ("ann:", "p#w", "p w", "proxy."))


def test_a_name_without_a_dot_needs_its_scheme() -> None:
    """pip takes `proxy:` for a scheme; `proxy.corp:` it does not."""
    assert [trap.severe for trap in traps("proxy:8080")] == [True]
    assert [trap.severe for trap in traps("proxy.corp:8080")] == [False]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://CORP\\ann:p@s#w@proxy.corp:8080/", "http://CORP%5Cann:p%40s%23w@proxy.corp:8080"),
        ("proxy.corp:8080", "http://proxy.corp:8080"),
        ("http://ann:p%40w@proxy.corp:8080", "http://ann:p%40w@proxy.corp:8080"),
        (' "http://ann:p%w@proxy.corp:8080"', "http://ann:p%25w@proxy.corp:8080"),
        ("http://ann:pä@proxy.corp:8080", "http://ann:p%C3%A4@proxy.corp:8080"),
        ("htp://proxy.corp:8080", None),
        ("http://ann@proxy.corp:8080", None),
    ],
)
def test_corrected(url: str, expected: str | None) -> None:
    assert corrected(url) == expected


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()), st.text("ab@#/?\\ :%é[", min_size=1))
def test_what_is_corrected_is_understood_by_both(user: str, password: str) -> None:
    meant = corrected(f"http://{user}:{password}@proxy.corp:8080")
    if meant is not None:
        both = understood(meant)
        assert both["pip"].works and both["uv"].works
        assert (both["pip"].user, both["pip"].password) == (both["uv"].user, both["uv"].password)
        assert both["pip"].host == "proxy.corp"
        assert not [trap for trap in traps(meant) if trap.severe]


@pytest.mark.slow
@pytest.mark.parametrize(
    "url",
    [
        "http://CORP\\ann:pw@proxy.corp:8080",
        "http://ann:p@s#w?x/y z@proxy.corp:8080",
        "ann:p@@w@proxy.corp:8080",
        "proxy.corp:8080",
    ],
)
def test_the_shell_command_corrects_without_a_secret(url: str) -> None:
    (command,) = shell_correction("HTTPS_PROXY", url)
    assert "ann" not in command
    environ = {"PATH": os.environ["PATH"], "HTTPS_PROXY": url}
    done = subprocess.run(
        ["sh", "-c", f'{command}; printf %s "$HTTPS_PROXY"'], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == corrected(url)
    assert not [trap for trap in traps(done.stdout) if trap.severe]


def test_what_a_shell_cannot_simply_correct_gets_no_command() -> None:
    assert shell_correction("HTTPS_PROXY", "http://ann:pä@proxy.corp:8080") == ()
    assert shell_correction("HTTPS_PROXY", "http://proxy.corp:8080") == ()


def test_no_login_is_shown() -> None:
    for url in URLS:
        for said in understood(url.replace("PORT", "8080").replace("u:p", "ann:hidden")).values():
            assert "hidden" not in said.text + repr(said)


@pytest.mark.parametrize("sign", ["#", "/", "?", "\\"])
@pytest.mark.parametrize("rest", ["proxy:8080", "proxy", "pro xy:8080", "[::1]:8080", "proxy:8080/x", ""])
def test_a_password_that_begins_with_digits_is_no_port(sign: str, rest: str) -> None:
    """`http://alice:31415#x@proxy:8080`: tools ask alice, port 31415."""
    for tool, said in understood(f"http://alice:31415{sign}x@{rest}").items():
        assert not said.works
        assert "31415" not in f"{said}"
        assert "alice" not in f"{said}"
        assert said.text.startswith(tool)


@pytest.mark.parametrize("url", ["http://a:b@Proxy.example", "http://a:b@[::1]:3128/", "socks5h://a:b@proxy"])
def test_a_login_is_not_in_the_way_of_the_host(url: str) -> None:
    assert all(said.works for said in understood(url).values())
