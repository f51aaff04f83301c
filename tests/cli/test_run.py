"""`pipway run`: whose environment, whose exit code, whose signals, whose terminal; one that runs, or one of its own."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from tests.servers.upstream import Upstream

from pipway.cli.nearby import offer
from pipway.clients.environment import Server
from pipway.errors import UsageError
from pipway.settings import load

RUN = [sys.executable, "-m", "pipway", "run"]
NOBODY = "http://127.0.0.1:9/simple/"
SHOW = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
FETCH = "import os, sys, urllib.request as u; u.urlopen(os.environ['PIP_INDEX_URL'] + sys.argv[1]).read()"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pipway of this machine is found, and nothing is kept."""
    monkeypatch.setenv("PIPWAY_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("PIPWAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PIPWAY_UPSTREAM", NOBODY)


def run(
    *arguments: str, code: int = 0, stdin: str = "", env: Mapping[str, str] = {}, **environ: str
) -> tuple[str, str]:
    done = subprocess.run(
        [*RUN, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env, **environ},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_exit_code_is_the_commands() -> None:
    run("--", "sh", "-c", "exit 7", code=7)
    run("sh", "-c", "exit 0")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_a_signal_ended(number: signal.Signals) -> None:
    """128 + n, as shells say it."""
    run("--", "sh", "-c", f"ulimit -c 0; kill -{number} $$", code=128 + number)


@pytest.mark.slow
def test_standard_streams_are_the_commands() -> None:
    out, err = run("-q", "--", "sh", "-c", "cat; echo oops >&2", stdin="a line\n")
    assert (out, err) == ("a line\n", "oops\n")


@pytest.mark.slow
def test_the_limit_of_open_files_is_the_commands() -> None:
    """A server raises its own."""
    command = ["sh", "-c", 'ulimit -S -n 300; exec "$@"', "sh", *RUN, "-q", "--", "sh", "-c", "ulimit -S -n"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "300\n"


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_the_commands_business(closed: str, tmp_path: Path) -> None:
    """Its number must not go to one of our sockets."""
    seen = (
        'import os, sys; seen = [os.path.exists(f"/proc/self/fd/{n}") for n in range(3)]; '
        'open(sys.argv[1], "w").write(str(seen))'
    )
    command = [*RUN, "--", sys.executable, "-c", seen, str(tmp_path / "seen")]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *command], capture_output=True, timeout=60)
    assert done.returncode == 0
    expected = [sign not in closed.split() for sign in ("<&-", ">&-", "2>&-")]
    assert (tmp_path / "seen").read_text() == str(expected)


@pytest.mark.slow
def test_options_behind_the_command_are_the_commands() -> None:
    """With and without the two hyphens."""
    for between in ([], ["--"]):
        out, _ = run("-q", *between, "sh", "-c", 'echo "$@"', "name", "--quiet", "-q", "--via", "x", "--", "--help")
        assert out == "--quiet -q --via x -- --help\n"


@pytest.mark.slow
def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    _, err = run("--", "no-such-tool", "--version", code=127)
    assert "'no-such-tool'" in err
    assert "[no-such-command]" in err
    assert "fix" in err
    _, err = run("--", str(tmp_path / "no-such-tool"), code=127)
    assert f"{tmp_path}/no-such-tool" in err
    assert not (tmp_path / "data").exists()  # nothing was started for it


@pytest.mark.slow
def test_what_cannot_be_run_is_named(tmp_path: Path) -> None:
    plain, lost, bare = tmp_path / "plain", tmp_path / "lost", tmp_path / "bare"
    plain.write_text("#!/bin/sh\n")
    lost.write_text("#!/no/such/interpreter\n")
    bare.write_text("no program\n")
    lost.chmod(0o755)
    bare.chmod(0o755)
    assert "it is not executable" in run("--", str(plain), code=126)[1]
    assert "it is a folder" in run("--", str(tmp_path), code=126)[1]
    assert "interpreter" in run("--", str(lost), code=127)[1]
    assert "it is no program" in run("--", str(bare), code=126)[1]


@pytest.mark.slow
def test_wrong_usage_is_told() -> None:
    assert "[no-command]" in run(code=2)[1]
    assert "[print-env-alone]" in run("--print-env", "sh", "--", "true", code=2)[1]
    assert "[password-in-argument]" in run("--upstream", "http://a:s3cret@index.example/", "true", code=2)[1]
    assert "[no-proxy-here]" in run("--via", "proxy", "true", code=2, PIPWAY_FORWARD_ENABLED="false")[1]


# -- signals and the terminal ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell script under pipway that has said that it is ready."""
    command = [*RUN, "-q", "--", "sh", "-c", script]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


WAIT = "echo ready; while :; do sleep 0.02; done"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT, signal.SIGINT])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    """Without a terminal in front the command would not get them otherwise."""
    name = number.name.removeprefix("SIG")
    with started(f"trap 'echo got {name}; exit 9' {name}; {WAIT}") as process:
        process.send_signal(number)
        assert process.communicate(timeout=30)[0] == f"got {name}\n"
        assert process.returncode == 9
    with started(f"ulimit -c 0; {WAIT}") as process:
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 128 + number


@pytest.mark.slow
def test_what_is_ignored_stays_ignored() -> None:
    """As nohup wants it."""
    command = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *RUN, "-q", "--", "sh", "-c", "kill -HUP $$; echo alive"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "alive\n"


COUNT = """
import signal, sys
count = 0
def came(number, frame):
    global count
    count += 1
    print("got", count, flush=True)
signal.signal(signal.SIGINT, came)
signal.signal(signal.SIGUSR1, lambda number, frame: print("asked", flush=True))
print("tty", all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)), "ready", flush=True)
line = sys.stdin.readline()
print("total", count, line.strip(), flush=True)
sys.exit(3)
"""


@pytest.mark.slow
def test_the_terminal_is_the_commands_and_ctrl_c_reaches_it_once() -> None:
    """The terminal sends SIGINT to both; passed on, it would come twice.

    pipway sleeps until the command has its own, so that two cannot become one, and SIGUSR1 says when it is done.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(RUN[0], [*RUN, "-q", "--", sys.executable, "-c", COUNT])
    seen = b""

    def until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            with contextlib.suppress(OSError):
                if data := os.read(terminal, 4096):
                    seen += data
                    continue
            raise AssertionError(seen)

    try:
        until(b"tty True ready")
        os.kill(pid, signal.SIGSTOP)
        os.write(terminal, b"\x03")
        until(b"got 1")
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGCONT)
        until(b"asked")
        os.write(terminal, b"typed\n")
        until(b"total 1 typed")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    finally:
        os.close(terminal)


# -- the environment ---------------------------------------------------------------------------------------------------


def environment_of(*options: str, **environ: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(run(*options, "--", *SHOW, env=environ)[0])
    return found


@pytest.mark.slow
def test_a_pipway_of_its_own_on_a_free_port_of_loopback() -> None:
    found = environment_of("-q", PIPWAY_LISTEN="0.0.0.0:0")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/simple/", found["PIP_INDEX_URL"])
    assert found["UV_DEFAULT_INDEX"] == found["PIP_EXTRA_INDEX_URL"] == found["PIP_INDEX_URL"]


@pytest.mark.slow
def test_what_leads_elsewhere_is_said_in_one_line_and_secrets_do_not_go_on() -> None:
    secret = {
        "PIP_INDEX_URL": "https://alice:s3cret@corp.example/simple/",
        "PIP_FIND_LINKS": "https://alice:s3cret@links.example/",
        "UV_INDEX": "corp=https://alice:s3cret@corp.example/simple/",
        "NO_PROXY": "http://alice:s3cret@a.example,b.example",
        "PIPWAY_PARENT_PASSWORD": "s3cret",
    }
    out, err = run("--", *SHOW, env=secret)
    assert "s3cret" not in out + err
    first = err.splitlines()[0]
    assert first == (
        "pipway: replaced for this command: PIP_INDEX_URL; left out: PIP_FIND_LINKS, UV_INDEX "
        "(--keep NAME keeps one, and may lead past pipway)"
    )
    kept = environment_of("-q", "--keep", "PIP_FIND_LINKS", PIP_FIND_LINKS="/wheels")
    assert kept["PIP_FIND_LINKS"] == "/wheels"


@pytest.mark.slow
def test_the_summary_and_silence() -> None:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("alpha")
        command = ["--upstream", f"main={upstream.url}", "--", sys.executable, "-c", FETCH, "alpha/"]
        _, cold = run(*command)
        assert re.fullmatch(
            r"pipway: 1 request, 0 hits; 0 B from the cache, \d+ B from the network; 1 request sent upstream\n", cold
        )
        assert len(upstream.requests) == 1
        _, warm = run(*command)
        assert "1 request, 1 hit;" in warm
        assert ", 0 B from the network; 0 requests sent upstream" in warm
        assert len(upstream.requests) == 1
        assert run("-q", *command)[1] == ""
    assert run("true")[1] == "pipway: no request came through pipway\n"


@pytest.mark.slow
def test_refusals_are_listed_with_their_reasons() -> None:
    _, err = run("--", sys.executable, "-c", FETCH, "alpha/", code=1)
    assert "1 refused or failed:\npipway:   503 /simple/alpha/: cannot connect to 127.0.0.1:9" in err


@pytest.mark.slow
def test_settings_for_the_command() -> None:
    _, err = run("--offline", "--", sys.executable, "-c", FETCH, "alpha/", code=1)
    assert "offline" in err
    assert "[bad-settings]" in run("true", code=2, PIPWAY_CACHE_PAGE_TTL="soon")[1]


# -- one that runs -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A running server's URL."""
    command = [sys.executable, "-m", "pipway", "serve", "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    with process:
        try:
            yield process.stdout.readline().split()[4]
        finally:
            process.terminate()


@pytest.mark.slow
def test_the_running_one_is_used() -> None:
    with Upstream().in_thread() as upstream, serving("--upstream", upstream.url) as url:
        upstream.add_wheel("alpha")
        listen = url.removeprefix("http://").rstrip("/")
        assert environment_of("-q", PIPWAY_LISTEN=listen)["PIP_INDEX_URL"] == f"{url}simple/"
        _, err = run("--", sys.executable, "-c", FETCH, "alpha/", PIPWAY_LISTEN=listen)
        assert err.startswith("pipway: 1 request, 0 hits; 0 B from the cache, ")
        assert ", 0 B from the network" not in err
        assert "1 request sent upstream" in err
        assert err.endswith(" (of all clients of the running server)\n")
        with urllib.request.urlopen(f"{url}health") as answer:  # it is still there
            assert answer.status == 200
        # What is given for one command does not hold for others' server.
        for option in (["--own"], ["--offline"]):
            assert environment_of("-q", *option, PIPWAY_LISTEN=listen)["PIP_INDEX_URL"] != f"{url}simple/"


@pytest.mark.slow
def test_the_running_one_says_why_it_refused() -> None:
    """Only what it refused since the command began."""
    with serving("--upstream", "http://127.0.0.1:9/simple/") as url:
        listen = url.removeprefix("http://").rstrip("/")
        with pytest.raises(urllib.error.HTTPError, match="503") as earlier:
            urllib.request.urlopen(f"{url}simple/earlier/")
        earlier.value.close()
        _, err = run("--", sys.executable, "-c", FETCH, "alpha/", PIPWAY_LISTEN=listen, code=1)
        counted, reason = err.splitlines()[-2:]
        assert counted.endswith("; 1 refused or failed (of all clients of the running server):")
        assert reason.startswith("pipway:   503 /simple/alpha/: ")
        assert "cannot connect to 127.0.0.1:9" in reason


class Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.mark.slow
def test_somebody_else_at_that_address_is_left_alone() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        found = environment_of("-q", PIPWAY_LISTEN=f"127.0.0.1:{other.server_port}")
        assert f":{other.server_port}/" not in found["PIP_INDEX_URL"]
        _, err = run("--print-env", "sh", code=2, PIPWAY_LISTEN=f"127.0.0.1:{other.server_port}")
        assert "[not-running]" in err
        other.shutdown()


@pytest.mark.slow
def test_variables_of_the_running_one_for_a_shell() -> None:
    with serving() as url:
        listen = url.removeprefix("http://").rstrip("/")
        script = 'eval "$("$@")"; echo "$PIP_INDEX_URL ${PIP_FIND_LINKS-none} $NO_PROXY"'
        command = ["sh", "-c", script, "sh", *RUN, "--print-env", "sh"]
        environ = {**os.environ, "PIPWAY_LISTEN": listen, "PIP_FIND_LINKS": "http://alice:s3cret@links.example/"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)
        assert done.stdout == f"{url}simple/ none localhost,127.0.0.1,::1\n"
        assert done.stderr.startswith("pipway: left out: PIP_FIND_LINKS")
        for form in ("sh", "fish", "powershell", "github", "json"):
            out, err = run(
                "--print-env", form, PIPWAY_LISTEN=listen, PIP_INDEX_URL="https://alice:s3cret@corp.example/simple/",
                NO_PROXY="http://alice:s3cret@a.example", PIPWAY_PARENT_PASSWORD="s3cret",
            )  # fmt: skip
            assert "s3cret" not in out + err
            assert f"{url}simple/" in out


# -- the proxy and the authorities -------------------------------------------------------------------------------------

PROXY_URL = "http://127.0.0.1:1/"


def test_the_proxy_is_used_where_there_is_one_and_it_is_wanted() -> None:
    settings = load(environ={})
    assert [offer(PROXY_URL, {"forward": True}, settings, via) for via in ("both", "index", "proxy")] == [
        Server(PROXY_URL, index=True, proxy=True),
        Server(PROXY_URL, index=True, proxy=False),
        Server(PROXY_URL, index=False, proxy=True),
    ]
    assert offer(PROXY_URL, {}, settings, "both") == Server(PROXY_URL, index=True, proxy=False)
    with pytest.raises(UsageError):
        offer(PROXY_URL, {"forward": False}, settings, "proxy")


def test_the_bundle_has_all_roots_the_users_own_and_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, own, extra = trustme.CA(), trustme.CA(), trustme.CA()
    data = tmp_path / "data"
    data.mkdir()
    ours.cert_pem.write_to_path(data / "ca.pem")
    own.cert_pem.write_to_path(tmp_path / "own.pem")
    extra.cert_pem.write_to_path(tmp_path / "extra.pem")
    settings = load(environ={"PIPWAY_DATA": str(data)})
    assert offer(PROXY_URL, {"forward": True}, settings, "both").bundle is None
    facts = {"forward": True, "intercept": True}
    assert offer(PROXY_URL, facts, settings, "index").bundle is None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "own.pem"))
    bundle = offer(PROXY_URL, facts, settings, "both").bundle
    assert bundle == str(data / "ca-bundle.pem")
    text = (data / "ca-bundle.pem").read_text()
    assert body(ours) in text
    assert body(own) in text
    assert text.count("BEGIN CERTIFICATE") > 50
    settings = load(environ={"PIPWAY_DATA": str(data), "PIPWAY_EXTRA_CA": str(tmp_path / "extra.pem")})
    assert offer(PROXY_URL, {"forward": True}, settings, "both").bundle == bundle  # behind a proxy that looks into TLS
    assert body(extra) in (data / "ca-bundle.pem").read_text()


def body(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode().split("-----")[2].strip()
