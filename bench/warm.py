"""Warm rates: the same bytes from every server, as ratios of requests per CPU-second to nginx's best configuration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import peers
from dataset import PAGES, Dataset, wheel_name
from load import JSON, Rate, fetch, wrk
from machine import Running

#: The only page that fits into nginx's configuration.
MEMORY_PAGE = "page-4"


@dataclass(frozen=True)
class Case:
    """One row of the table. `path` maps a server's name to the path it serves this at."""

    name: str
    path: str
    headers: dict[str, str]
    connections: int
    target: float | None  #: ratio to nginx's best that must be reached
    conditional: bool = False


def cases(data: Dataset) -> list[Case]:
    gzip = {"Accept": JSON, "Accept-Encoding": "gzip"}
    plain = {"Accept": JSON}
    small, medium = (_file_path(data, label) for label in ("small", "medium"))
    return [
        Case("page 2 KB, 64 connections", "/simple/page-4/", plain, 64, 1.0),
        Case("page 60 KB identity, 64", "/simple/page-100/", plain, 64, 1.0),
        Case("page 100 files gzip, 64", "/simple/page-100/", gzip, 64, 1.0),
        Case("page 2.2 MB gzip, 64", "/simple/page-4300/", gzip, 64, 1.0),
        Case("page 5 MB identity, 16", "/simple/page-10k/", plain, 16, 1.0),
        Case("304, 64", "/simple/page-100/", gzip, 64, 1.0, conditional=True),
        Case("file 200 KB, 64", small, {}, 64, 0.85),
        Case("file 10 MB, 4", medium, {}, 4, 1.0),
    ]


def _file_path(data: Dataset, label: str) -> str:
    digest = data.digests[label]
    return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{wheel_name(f'file-{label}', '1.0')}"


@dataclass(frozen=True)
class Measured:
    """One server in one case: every round's rate."""

    case: str
    server: str
    rounds: list[Rate]


def _url(server: Running, case: Case, upstream: str) -> str:
    """The same resource on each server; caches put a prefix before the origin's path."""
    if server.name == "pipway" and case.path.startswith("/packages/"):
        scheme, _, authority = upstream.partition("://")
        return f"{server.url}/files/{scheme}/{authority}{case.path}"
    return server.url + case.path


def compare(data: Dataset, upstream: str, folder: Path, *, rounds: int, seconds: float, say: Callable[[str], None],
            only: str = "") -> list[Measured]:  # fmt: skip
    """pipway against each nginx variant, interleaved round by round so that the machine's drift hits all alike."""
    chosen = [case for case in cases(data) if only in case.name]
    results: dict[tuple[str, str], list[Rate]] = {}
    with ExitStack() as stack:
        pipway = stack.enter_context(peers.pipway(folder / "pipway", upstream))
        root = same_bytes(data, pipway, folder / "same")
        static = peers.exact(root, PAGES)
        servers = [
            stack.enter_context(peers.nginx(name, folder / name, http=http, server=static))
            for name, http in peers.VARIANTS.items()
        ]
        memory = peers.from_memory(
            f"/simple/{MEMORY_PAGE}/", (root / "simple" / MEMORY_PAGE / "index.json").read_bytes()
        )
        servers.append(stack.enter_context(peers.nginx("nginx-mem", folder / "nginx-mem", server=memory)))
        servers.append(pipway)
        for case in chosen:
            for _ in range(rounds):
                for server in servers:
                    if server.name == "nginx-mem" and f"/{MEMORY_PAGE}/" not in case.path:
                        continue
                    rate = one(server, case, upstream, seconds)
                    results.setdefault((case.name, server.name), []).append(rate)
            say(f"  {case.name}: done")
    return [Measured(case, server, rates) for (case, server), rates in results.items()]


def same_bytes(data: Dataset, pipway: Running, root: Path) -> Path:
    """A folder for nginx with the very pages that pipway serves, plain and compressed, and the origin's files."""
    root.mkdir()
    (root / "packages").symlink_to(data.root / "packages")
    for page in PAGES:
        target = root / "simple" / page
        target.mkdir(parents=True)
        for name, coding in (("index.json", "identity"), ("index.json.gz", "gzip")):
            asked = {"Accept": JSON, "Accept-Encoding": coding}
            (target / name).write_bytes(fetch(f"{pipway.url}/simple/{page}/", asked, keep=True).body)
    return root


def one(server: Running, case: Case, upstream: str, seconds: float) -> Rate:
    """Warm it with one request, then measure."""
    url = _url(server, case, upstream)
    first = fetch(url, case.headers)
    if first.status != 200:
        raise RuntimeError(f"{server.name} answers {first.status} for {url}")
    headers = dict(case.headers)
    if case.conditional:
        headers["If-None-Match"] = first.headers["etag"]
    return wrk(server, url, headers, case.connections, seconds)


def python_peers(data: Dataset, upstream: str, lab: Path, folder: Path, seconds: float) -> list[Measured]:
    """devpi, proxpi and pypiserver on the 100-file page, asked as pip asks, beside pipway in the same run."""
    page = {"Accept": JSON, "Accept-Encoding": "gzip, deflate"}
    results = []
    makers = {
        "pipway": lambda: peers.pipway(folder / "pipway-beside", upstream),
        "devpi": lambda: peers.devpi(lab, folder / "devpi", upstream),
        "proxpi": lambda: peers.proxpi(lab, folder / "proxpi", upstream),
        "pypiserver": lambda: peers.pypiserver(lab, folder / "pypiserver", data.root / "flat"),
    }
    for name, make in makers.items():
        with make() as server:
            prefix = server.url + ("/simple" if name == "pipway" else "")
            project = "file-small" if name == "pypiserver" else "page-100"
            fetch(f"{prefix}/{project}/", page)
            rate = wrk(server, f"{prefix}/{project}/", page, 64, seconds)
            results.append(Measured("page 100 files, 64 connections", name, [rate]))
    return results
