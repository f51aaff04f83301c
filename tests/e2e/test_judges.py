"""Independent clients as judges of what pipway serves: pypi-simple reads pages, raw HTTP asks for parts, uv locks."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pypi_simple
import pytest
from tests.e2e.clients import Pip, Uv, installed, run
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.upstream import Upstream

JSON = "application/vnd.pypi.simple.v1+json"
PIP_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
UV_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(files_apart=True).in_thread() as upstream:
        facts = {"yanked": "broke <b>things</b>", "provenance": "https://index.example/p", "extra": {"x-own": [1, 2]}}
        upstream.add_wheel("Some.Thing", "1.0", requires_python=">=3.8", requires=["leaf"], page=facts)
        upstream.add_wheel("Some.Thing", "2.0", requires_python=">=3.8", requires=["leaf"], size_padding=60_000)
        upstream.add_sdist("Some.Thing", "2.0", page={"upload_time": "2025-06-01T12:00:00Z"})
        upstream.add_wheel("leaf", "1.0")
        project = upstream.project("Some.Thing")
        project.status, project.status_reason = "archived", "moved on"
        project.extra, project.meta = {"_private": {"k": 1}, "alien": "kept"}, {"_last-serial": 7}
        yield upstream


@pytest.fixture
def server(upstream: Upstream, tmp_path: Path) -> Iterator[Pipway]:
    with serving(tmp_path / "data", f"main={upstream.url}") as server:
        yield server


@pytest.mark.parametrize(
    "accept", [JSON, "application/vnd.pypi.simple.v1+html", "text/html"], ids=["json", "v1-html", "html"]
)
@pytest.mark.parametrize("form", ["json", "html", "minimal"])
def test_pypi_simple_reads_the_same_from_every_form(upstream: Upstream, form: str, accept: str, tmp_path: Path) -> None:
    """Whatever the upstream speaks, a client gets both forms, and they say the same."""
    upstream.form = form  # type: ignore[assignment]
    with serving(tmp_path / "data", f"main={upstream.url}") as server:
        with pypi_simple.PyPISimple(server.index, accept=accept) as client:
            page = client.get_project_page("Some.Thing")
        assert page.project == "some-thing" or page.project == "Some.Thing"
        first, second, third = page.packages
        assert [package.filename for package in page.packages] == [
            file.filename for file in upstream.project("Some.Thing").files
        ]
        assert (first.is_yanked, first.yanked_reason) == (True, "broke <b>things</b>")
        assert (second.is_yanked, third.requires_python, second.requires_python) == (False, None, ">=3.8")
        for package, file in zip(page.packages, upstream.project("Some.Thing").files, strict=True):
            assert package.digests == {"sha256": file.digest}
            assert package.url.startswith(server.url)
            assert server.get(package.url).body == file.data
        if form != "minimal":
            assert (page.status, page.status_reason) == ("archived", "moved on")
        if second.has_metadata:  # never advertised unless it can be had, and then exactly the wheel's own
            answer = server.get(second.url + ".metadata")
            assert answer.body == upstream.project("Some.Thing").files[1].metadata
            for name, digest in (second.metadata_digests or {}).items():
                assert hashlib.new(name, answer.body).hexdigest() == digest


def test_json_passes_through_losslessly(upstream: Upstream, server: Pipway) -> None:
    """Only `url` changes; unknown and private keys travel on (PEP 691)."""
    page = server.page("some-thing")
    assert page["alien"] == "kept"
    assert page["_private"] == {"k": 1}
    assert page["meta"]["_last-serial"] == 7
    assert page["project-status"] == {"status": "archived", "reason": "moved on"}
    assert page["versions"] == ["1.0", "2.0"]
    first, second, third = page["files"]
    assert first["x-own"] == [1, 2]
    assert first["provenance"] == "https://index.example/p"
    assert third["upload-time"] == "2025-06-01T12:00:00Z"
    assert [file["size"] for file in page["files"]] == [len(f.data) for f in upstream.project("Some.Thing").files]
    assert "dist-info-metadata" not in second  # PEP 714: old pips misread it


@pytest.mark.parametrize("accept", [PIP_ACCEPT, UV_ACCEPT], ids=["pip", "uv"])
def test_the_installers_own_accept_headers_give_json(server: Pipway, accept: str) -> None:
    """Pulp answers both with HTML because it ignores q-values."""
    answer = server.get("/simple/some-thing/", accept=accept)
    assert answer.headers["content-type"] == JSON
    assert "x-pypi-last-serial" not in answer.headers  # ours would be no true one
    assert {part.strip().lower() for part in answer.headers["vary"].split(",")} >= {"accept", "accept-encoding"}
    again = server.get("/simple/some-thing/", accept=accept, if_none_match=answer.headers["etag"])
    assert (again.status, again.body, again.headers["vary"]) == (304, b"", answer.headers["vary"])


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_parts_of_a_file(upstream: Upstream, server: Pipway, warm: bool) -> None:
    """RFC 9110 §14: single, open and suffix ranges, If-Range, 416; HEAD gives the true length without a body."""
    data = upstream.project("Some.Thing").files[1].data
    link = server.link("some-thing", "some_thing-2.0-py3-none-any.whl")
    if warm:
        assert server.get(link).body == data
    head = server.get(link, method="HEAD")
    assert (head.status, int(head.headers["content-length"]), head.body) == (200, len(data), b"")
    assert head.headers["accept-ranges"] == "bytes"
    for asked, start, end in [
        ("10-19", 10, 20),
        (f"{len(data) - 5}-", len(data) - 5, len(data)),
        ("-7", len(data) - 7, len(data)),
    ]:
        answer = server.get(link, range=f"bytes={asked}")
        assert (answer.status, answer.body) == (206, data[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(data)}"
    beyond = server.get(link, range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert server.get(link, range="bytes=0-1", if_range='"another"').body == data
    whole = server.get(link)
    assert "transfer-encoding" not in whole.headers  # pip cannot resume a chunked file
    assert "content-encoding" not in whole.headers
    assert server.get(link, range="bytes=3-4", if_range=whole.headers["etag"]).body == data[3:5]
    assert len([r for r in upstream.asked("*thing-2.0*.whl", method="GET") if not r.header("range")]) == 1


def test_uv_locks_and_syncs_and_the_lock_can_be_mapped_back(upstream: Upstream, tmp_path: Path) -> None:
    """uv.lock records pipway's addresses; cutting a prefix gives the upstream's (reversible layout, uv#6349)."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["some-thing"]\n'
        "[tool.uv]\npackage = false\n"
    )
    env = neutral_environment() | {"UV_NO_CACHE": "1", "UV_PYTHON": sys.executable}
    uv = Uv().command()
    data, source = tmp_path / "data", f"main={upstream.url}"
    with serving(data, source) as server:
        # uv.toml is off by UV_NO_CONFIG, the index comes from the command line
        locked = run([*uv, "lock", "--default-index", server.index], env=env, cwd=project)
        assert locked.code == 0, locked
        synced = run([*uv, "sync", "--frozen", "--default-index", server.index], env=env, cwd=project)
        assert synced.code == 0, synced
        before = server.upstream_requests()
        again = run([*uv, "sync", "--frozen", "--reinstall", "--default-index", server.index], env=env, cwd=project)
        assert again.code == 0, again
        assert server.upstream_requests() == before
        lock = tomllib.loads((project / "uv.lock").read_text())
    assert installed(project / ".venv") >= {"some-thing", "leaf"}
    urls = [wheel["url"] for package in lock["package"] for wheel in package.get("wheels", ())]
    assert len(urls) == 2
    prefix = f"{server.url}files/http/"
    assert {url.removeprefix(prefix) for url in urls} == {
        upstream.url_of(upstream.project(name).files[n]).removeprefix("http://")
        for name, n in (("some-thing", 1), ("leaf", 0))
    }


@pytest.mark.parametrize("form", ["json", "minimal"])
def test_pip_fast_deps(upstream: Upstream, form: str, tmp_path: Path) -> None:
    """pip reads metadata out of the wheel's end with ranges, or from `.metadata` where pipway offers it."""
    upstream.form = form  # type: ignore[assignment]
    with serving(tmp_path / "data", f"main={upstream.url}") as server:
        options = ["--use-feature=fast-deps"]
        outcome = Pip("26.*").install(server.index, ["Some.Thing"], tmp_path / "target", options=options)
        assert outcome.code == 0, outcome
    assert installed(tmp_path / "target") == {"some-thing", "leaf"}


def test_pip_index_versions_and_download_see_what_the_page_says(
    upstream: Upstream, server: Pipway, tmp_path: Path
) -> None:
    """`pip index versions` lists the versions that are not yanked; `pip download` gets an sdist as it is."""
    env = neutral_environment() | {"PIP_INDEX_URL": server.index}
    pip = Pip("26.*").command()
    listed = run([*pip, "index", "versions", "some-thing"], env=env)
    assert "Available versions: 2.0\n" in listed.output, listed
    options = [
        "--no-cache-dir",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--no-build-isolation",
        "-d",
        str(tmp_path / "got"),
    ]
    assert run([*pip, "download", *options, "some-thing"], env=env).code == 0
    sdist = upstream.project("Some.Thing").files[2]
    assert (tmp_path / "got" / sdist.filename).read_bytes() == sdist.data


def test_names_of_any_spelling_lead_to_the_project(upstream: Upstream, server: Pipway) -> None:
    """Runs of separators collapse (PEP 503); a redirect or the page itself, but never a second fetch upstream."""
    with pypi_simple.PyPISimple(server.index) as client:
        for name in ("Some.Thing", "some__thing", "SOME-.-thing"):
            response = client.s.get(f"{server.index}{name}/", headers={"Accept": JSON})
            assert response.status_code == 200
            assert response.json()["name"] in ("some-thing", "Some.Thing")
    assert len(upstream.asked("/simple/some-thing/")) == 1
    assert len(upstream.asked("/simple/*/")) == 1


def test_many_clients_make_one_upstream_request(upstream: Upstream, server: Pipway) -> None:
    """One flight per page and per file, also for installers that start at the same moment."""
    file = upstream.project("Some.Thing").files[1]
    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda _: server.page("some-thing"), range(16)))
        link = server.link("some-thing", file.filename)
        bodies = list(pool.map(lambda _: server.get(link).body, range(16)))
    assert all(page == pages[0] for page in pages)
    assert all(body == file.data for body in bodies)
    assert len(upstream.asked("/simple/some-thing/")) == 1
    assert len(upstream.asked(file.path)) == 1
