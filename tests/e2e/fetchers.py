"""Programs other than installers as tests drive them, curl, wget, aria2, git, apt and Java: fetch a URL by a proxy.

Each is told of its proxy by an option of its own, trusts one file of certificate authorities, and reads no
configuration of the machine's. `tests.e2e.clients` has the installers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.clients import Outcome, run
from tests.e2e.lab import neutral_environment

JAVA = Path(__file__).with_name("Fetch.java")


@dataclass(frozen=True)
class Proxy:
    """Where the proxy is and how it is spoken to."""

    scheme: str  #: http, socks4a, socks5h
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def login(self) -> str:
        """`user:password`."""
        return f"{self.user}:{self.password}" if self.user else ""

    @property
    def place(self) -> str:
        """Without the scheme."""
        return f"{self.login}@{self.host}:{self.port}" if self.user else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As most programs take it."""
        return f"{self.scheme}://{self.place}"

    def over(self, scheme: str) -> Proxy:
        """The same one, spoken to otherwise."""
        return replace(self, scheme=scheme)


@dataclass(frozen=True)
class Fetch:
    """What is fetched, where to, and who is trusted. `target` is a file; git and apt make a folder of it."""

    url: str
    target: Path
    proxy: Proxy
    ca: Path

    def run(self, command: Sequence[str], **more: str) -> Outcome:
        """A program in an environment of its own, in the target's folder."""
        home = self.target.parent
        home.mkdir(parents=True, exist_ok=True)
        env = neutral_environment() | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "LC_ALL": "C"}
        return run(command, env=env | more, cwd=home, deadline=60)


Fetcher = Callable[[Fetch], Outcome]


def curl(fetch: Fetch, *options: str) -> Outcome:
    """curl; HTTP/1.1, or what TLS agrees on."""
    command = ["curl", "--disable", "--silent", "--show-error", "--fail", "--proxy", fetch.proxy.url]
    return fetch.run([*command, "--cacert", str(fetch.ca), "--output", str(fetch.target), *options, fetch.url])


def wget(fetch: Fetch, *options: str) -> Outcome:
    """wget, which speaks to HTTP proxies alone."""
    settings = (f"{scheme}_proxy=http://{fetch.proxy.host}:{fetch.proxy.port}" for scheme in ("http", "https"))
    command = [
        "wget",
        "--no-config",
        "--no-verbose",
        "--tries=1",
        f"--ca-certificate={fetch.ca}",
        "-e",
        "use_proxy=yes",
    ]
    command += [word for setting in settings for word in ("-e", setting)]
    if fetch.proxy.user:
        command += [f"--proxy-user={fetch.proxy.user}", f"--proxy-password={fetch.proxy.password}"]
    return fetch.run([*command, f"--output-document={fetch.target}", *options, fetch.url])


def aria2(fetch: Fetch, *options: str) -> Outcome:
    """aria2, with up to 16 connections on one file; it speaks to HTTP proxies alone."""
    command = ["aria2c", "--no-conf", "--quiet", "--console-log-level=warn", "--file-allocation=none"]
    command += ["--max-connection-per-server=16", "--split=16", "--min-split-size=1M", "--max-tries=1"]
    command += [f"--ca-certificate={fetch.ca}", f"--all-proxy={fetch.proxy.url}", f"--dir={fetch.target.parent}"]
    return fetch.run([*command, f"--out={fetch.target.name}", *options, fetch.url])


def git(fetch: Fetch, *words: str) -> Outcome:
    """git in the target's folder."""
    return fetch.run(
        ["git", "-c", f"http.proxy={fetch.proxy.url}", *words],
        GIT_SSL_CAINFO=str(fetch.ca),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
    )


def git_clone(fetch: Fetch) -> Outcome:
    """Clone the repository at the URL and check every object."""
    done = git(fetch, "clone", "--quiet", fetch.url, str(fetch.target))
    return done if done.code else git(fetch, "-C", str(fetch.target), "fsck", "--full", "--strict")


def apt(fetch: Fetch, *words: str) -> Outcome:
    """apt-get with one source, `URL ./`, and every folder of its own: the machine's apt is left alone."""
    state = fetch.target
    if not state.exists():
        for folder in ("lists/partial", "archives/partial", "empty"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()
        (state / "sources").write_text(f"deb [trusted=yes] {fetch.url} ./\n")
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
        "Dir::Etc::sourcelist": state / "sources",
        "Dir::Etc::sourceparts": state / "empty",
        "Dir::Etc::trustedparts": state / "empty",
        "Dir::Etc::parts": state / "empty",
        "Dir::Etc::main": "/dev/null",
        "Acquire::http::Proxy": fetch.proxy.url,
        "Acquire::https::Proxy": fetch.proxy.url,
        "Acquire::https::CaInfo": fetch.ca,
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",  # else the exit code is 0 when nothing could be fetched
    }
    (state / "conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    return fetch.run(["apt-get", "--quiet=2", *words], APT_CONFIG=str(state / "conf"))


def apt_download(fetch: Fetch, *packages: str) -> Outcome:
    """Update, then download these packages, or all, next to the target; apt itself checks their digests."""
    done = apt(fetch, "update")
    return done if done.code else apt(fetch, "download", *(packages or ["?true"]))


def java(fetch: Fetch, kind: str, file: Path, *urls: str) -> Outcome:
    """Java's `client` (HttpClient), `old` (HttpURLConnection) or `socks`, also of `urls`, with uploads: Fetch.java."""
    # Java gives no Basic login to tunnels unless told to. The simplest compiler is the soonest ready.
    flags = ["-Djdk.http.auth.tunneling.disabledSchemes=", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]
    return fetch.run(["java", *flags, str(JAVA), str(fetch.ca), kind, fetch.proxy.place, str(file), fetch.url, *urls])
