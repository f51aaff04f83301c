"""Certificates that installers do not believe: inspected, private, expired, unfit; and a clock that is wrong."""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.clients import Pip
from tests.lab.gateway import Gateway
from tests.lab.squid import Squid
from tests.scenarios.stage import Stage, scenario
from tests.scenarios.world import OLD_PIP, PIP, POETRY, PROJECT, environment, pip_install, there, uv_install, with_sudo
from tests.servers.certificates import Issued, issue, serving, show
from tests.servers.upstream import Upstream

DAY = timedelta(days=1)
OLDER_PIP = Pip("23.3.2")
PRINTS = {
    r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}": "FINGERPRINT",
    r"\d+ (?=\(UNIX\)|seconds)|(?<=valid (?:af|be)ter )\d+": "N ",
}
_FAKETIME = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


def _root(folder: Path, common: str = "Example Inspection Root", **more: object) -> tuple[Issued, str]:
    """An authority, and the file with it."""
    made = issue(common, authority=True, **more)  # type: ignore[arg-type]
    file = folder / "corporate-root.pem"
    file.write_text(made.pem)
    return made, str(file)


@contextmanager
def _upstream(context: ssl.SSLContext) -> Iterator[Upstream]:
    """An index behind this."""
    upstream = Upstream(tls=context, relative_links=True)
    upstream.add_wheel(PROJECT, "1.0")
    with upstream.in_thread():
        yield upstream


@contextmanager
def _index(*chain: Issued, host: str = "localhost") -> Iterator[str]:
    """The URL of an index that shows these certificates."""
    with _upstream(serving(*chain)) as upstream:
        yield _url(upstream.url, host)


def _url(url: str, host: str = "localhost", port: int | None = None) -> str:
    parts = urlsplit(url)
    return f"https://{host}:{port or parts.port}{parts.path}"


@contextmanager
def _inspected(folder: Path, root: Issued, *, begins: datetime | None = None) -> Iterator[str]:
    """An index that others believe, behind a gateway that inspects TLS; its URL."""
    public = issue("Example Public Root", authority=True)
    with ExitStack() as stack:
        upstream = stack.enter_context(_upstream(serving(issue("localhost", public, names=["localhost"]))))
        behind = urlsplit(upstream.url).port or 0
        gateway = Gateway(folder / "gateway", root=root, public=public, name="localhost", behind=behind, begins=begins)
        stack.enter_context(gateway)
        yield _url(upstream.url, port=gateway.port)


def _of(pip: Pip) -> Mapping[str, str]:
    """That pip is the one on PATH."""
    return {"PATH": f"{Path(pip.command()[0]).parent}{os.pathsep}{os.environ['PATH']}"}


def _store(folder: Path, root: str, *, for_openssl: bool = True) -> Sequence[str]:
    """A command to run others with: for them the system's store holds that root alone, as after update-ca-certificates.

    Without `for_openssl` Python's own OpenSSL looks elsewhere, and finds nothing, as one does that was built elsewhere.
    """
    done = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", root], capture_output=True, text=True, check=True
    )
    store, empty = folder / "store", folder / "nothing"
    store.mkdir()
    empty.mkdir()
    for name in ("ca-certificates.crt", f"{done.stdout.strip()}.0"):
        (store / name).write_text(Path(root).read_text())
    script = f"mount --bind {store} /etc/ssl/certs"
    if not for_openssl:
        script += f" && mount --bind {empty} {Path(ssl.get_default_verify_paths().openssl_cafile).parent}"
    return ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "-"]


@scenario("tls-inspected-pip", cause="tls-unknown-root", title="TLS is inspected, and nobody told pip", client="pip 26")
def tls_inspected_pip(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _inspected(folder, root) as url:
        env = environment(folder, {"PIP_INDEX_URL": url})
        yield Stage(pip_install(folder), env, folder, there(folder), words={"CA": file}, changing=PRINTS)


@scenario("tls-inspected-uv", cause="tls-unknown-root", title="TLS is inspected, and nobody told uv", client="uv")
def tls_inspected_uv(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _inspected(folder, root) as url:
        env = environment(folder, {"UV_DEFAULT_INDEX": url})
        yield Stage(uv_install(folder), env, folder, there(folder), doctor=["--ca", file], changing=PRINTS)


@scenario(
    "tls-inspected-poetry",
    cause="tls-unknown-root",
    title="TLS is inspected, and nobody told Poetry",
    client="Poetry 2",
)
def tls_inspected_poetry(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _inspected(folder, root) as url:
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11,<4"\n'
            f'dependencies = ["{PROJECT}"]\n[tool.poetry]\npackage-mode = false\n'
            f'[[tool.poetry.source]]\nname = "corp"\nurl = "{url}"\npriority = "primary"\n'
        )
        own = {
            "PATH": f"{Path(POETRY.command()[0]).parent}{os.pathsep}{os.environ['PATH']}",
            "POETRY_VIRTUALENVS_CREATE": "false",
            "POETRY_KEYRING_ENABLED": "false",
            "POETRY_REQUESTS_MAX_RETRIES": "0",
        }
        command = ["poetry", "lock", "-v", "--no-interaction"]
        there_ = (folder / "poetry.lock").is_file
        yield Stage(command, environment(folder, own), folder, there_, words={"CA": file}, changing=PRINTS)


@scenario(
    "uv-not-the-system",
    cause="tls-unknown-root",
    title="The company's root is in the system's store, where uv does not look",
    client="uv",
)
def uv_not_the_system(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _index(issue("localhost", root, names=["localhost"])) as url:
        env = environment(folder, {"UV_DEFAULT_INDEX": url})
        yield Stage(uv_install(folder), env, folder, there(folder), inside=_store(folder, file), changing=PRINTS)


@scenario(
    "pip-forgets-the-system",
    cause="system-roots-lost",
    title="Works directly, fails with a proxy: the system's store is forgotten",
    client="pip 25.0.1",
)
def pip_forgets_the_system(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    root, file = _root(folder)
    with _index(issue("index.example", root, names=["index.example"]), host="index.example") as url:
        more = {"PIP_INDEX_URL": url, "HTTPS_PROXY": f"http://localhost:{squid.port}", **_of(OLD_PIP)}
        inside = _store(folder, file, for_openssl=False)
        env = environment(folder, more)
        yield Stage(pip_install(folder, pip=OLD_PIP), env, folder, there(folder), inside=inside, changing=PRINTS)


@scenario(
    "pip-bundle-beside-proxy",
    cause="ca-variable-lost",
    title="REQUESTS_CA_BUNDLE is set, and so is pip's own proxy option",
    client="pip 26",
)
def pip_bundle_beside_proxy(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    squid: Squid = request.getfixturevalue("open_squid")
    root, file = _root(folder)
    with _index(issue("index.example", root, names=["index.example"]), host="index.example") as url:
        more = {"PIP_INDEX_URL": url, "PIP_PROXY": f"http://localhost:{squid.port}", "REQUESTS_CA_BUNDLE": file}
        more |= _of(PIP)
        yield Stage(pip_install(folder), environment(folder, more), folder, there(folder), changing=PRINTS)


@scenario(
    "pip-reads-no-ssl-cert-file",
    cause="ca-variable-not-read",
    title="SSL_CERT_FILE names the authority, and pip is older than 24.2",
    client="pip 23.3",
)
def pip_reads_no_ssl_cert_file(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _index(issue("localhost", root, names=["localhost"])) as url:
        env = environment(folder, {"PIP_INDEX_URL": url, "SSL_CERT_FILE": file, **_of(OLDER_PIP)})
        yield Stage(pip_install(folder, pip=OLDER_PIP), env, folder, there(folder), changing=PRINTS)


@scenario(
    "uv-ca-file-missing",
    cause="ca-file-unusable",
    title="SSL_CERT_FILE names a file that does not exist",
    client="uv",
)
def uv_ca_file_missing(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _index(issue("localhost", root, names=["localhost"])) as url:
        env = environment(folder, {"UV_DEFAULT_INDEX": url, "SSL_CERT_FILE": str(folder / "gone.pem")})
        yield Stage(uv_install(folder), env, folder, there(folder), doctor=["--ca", file], changing=PRINTS)


@scenario(
    "pip-ca-file-empty", cause="ca-file-unusable", title="PIP_CERT names an empty file, and need not", client="pip 26"
)
def pip_ca_file_empty(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    (folder / "empty.pem").touch()
    with _index(issue("localhost", root, names=["localhost"])) as url:
        more = {"PIP_INDEX_URL": url, "SSL_CERT_FILE": file, "PIP_CERT": str(folder / "empty.pem")}
        yield Stage(pip_install(folder), environment(folder, more), folder, there(folder), changing=PRINTS)


@scenario("root-expired", cause="tls-expired", title="The company's root has expired and was renewed", client="pip 26")
def root_expired(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    now = datetime.now(UTC)
    old, file = _root(folder, begins=now - 90 * DAY, ends=now - DAY)
    renewed = folder / "renewed-root.pem"
    renewed.write_text(issue("Example Inspection Root", authority=True, key=old.key).pem)
    with _index(issue("localhost", old, names=["localhost"])) as url:
        env = environment(folder, {"PIP_INDEX_URL": url, "PIP_CERT": file})
        yield Stage(pip_install(folder), env, folder, there(folder), doctor=["--ca", str(renewed)], changing=PRINTS)


@scenario(
    "uv-strict",
    cause="tls-unfit",
    title="The server's certificate says it is an authority, which uv refuses",
    client="uv",
)
def uv_strict(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    context = serving(issue("localhost", root, names=["localhost"], authority=True))
    with _upstream(context) as upstream:
        env = environment(folder, {"UV_DEFAULT_INDEX": _url(upstream.url), "SSL_CERT_FILE": file})
        issued: Callable[[], None] = lambda: show(context, issue("localhost", root, names=["localhost"]))  # noqa: E731
        yield Stage(uv_install(folder), env, folder, there(folder), carried_out=issued, changing=PRINTS)


@scenario("root-weak", cause="tls-unfit", title="The company's root has an RSA key of 1024 bits", client="pip 26")
def root_weak(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    weak, file = _root(folder, bits=1024)
    context = serving(issue("localhost", weak, names=["localhost"]))

    def anew() -> None:
        """What IT does: another root, on the machines and behind the server."""
        root, _ = _root(folder)
        show(context, issue("localhost", root, names=["localhost"]))

    with _upstream(context) as upstream:
        env = environment(folder, {"PIP_INDEX_URL": _url(upstream.url), "PIP_CERT": file})
        yield Stage(pip_install(folder), env, folder, there(folder), carried_out=anew, changing=PRINTS)


@scenario(
    "wrong-name",
    cause="tls-wrong-name",
    title="The certificate is made for another name than the URL's",
    client="pip 26",
)
def wrong_name(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _index(issue("localhost", root, names=["localhost"]), host="127.0.0.1") as url:
        env = environment(folder, {"PIP_INDEX_URL": url, "PIP_CERT": file})
        yield Stage(pip_install(folder), env, folder, there(folder), changing=PRINTS)


@scenario(
    "pip-address",
    cause="pip-address-over-tls",
    title="The index's URL has an address, with which pip 24.2 to 26.0 end in a traceback",
    client="pip 25.0.1",
)
def pip_address(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    root, file = _root(folder)
    with _index(issue("localhost", root, names=["localhost", "127.0.0.1"]), host="127.0.0.1") as url:
        env = environment(folder, {"PIP_INDEX_URL": url, "PIP_CERT": file})
        changing = {**PRINTS, r"(?<=File \")/[^\"]*/(?=ssl\.py)": ""}
        yield Stage(pip_install(folder, pip=OLD_PIP), env, folder, there(folder), changing=changing)


@scenario("clock-behind", cause="clock-wrong", title="The clock is two days behind", client="pip 26")
def clock_behind(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    now = datetime.now(UTC)
    root, file = _root(folder, begins=now - 90 * DAY)
    library = next(path for pattern in _FAKETIME for path in Path("/").glob(pattern[1:]))
    setting = folder / "clock"
    setting.write_text("-2d\n")
    with_sudo(
        folder, date=f"echo +0 > {shlex.quote(str(setting))}.next && mv {shlex.quote(str(setting))}.next {setting}\n"
    )
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(setting),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with _inspected(folder, root, begins=now - timedelta(hours=1)) as url:
        env = environment(folder, {"PIP_INDEX_URL": url, "PIP_CERT": file, **fake})
        changing = {**PRINTS, r"'?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'?": "TIME"}
        yield Stage(pip_install(folder), env, folder, there(folder), changing=changing)
