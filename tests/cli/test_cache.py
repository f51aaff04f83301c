"""`pipway cache` on a data directory, as a person or a program runs it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.contracts.blobs import put
from typer.testing import CliRunner, Result

from pipway.cli.cache import app, parse_size
from pipway.errors import UsageError
from pipway.store.base import Digest
from pipway.store.catalog import StoredFile, StoredPage, open_catalog
from pipway.store.fs import FsBlobs

NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with two projects: alpha (two files, one of them old) and beta-gamma (one)."""
    root = tmp_path / "data"
    blobs = FsBlobs(root)
    catalog = await open_catalog(root / "catalog.sqlite")
    for project, filename, days in (
        ("alpha", "alpha-1.0.tar.gz", 30),
        ("alpha", "alpha-2.0-py3-none-any.whl", 1),
        ("beta-gamma", "beta_gamma-1.0.tar.gz", 2),
    ):
        content = filename.encode() * 1000
        digest = await put(blobs, content)
        await catalog.keep_file(
            StoredFile(f"https://files.example/{filename}", digest, len(content), project, filename)
        )
        catalog.touch(digest, NOW - timedelta(days=days))
    for project in ("alpha", "beta-gamma"):
        url = f"https://index.example/simple/{project}/"
        await catalog.keep_page(StoredPage("main", project, url, "text/html", b"<html>", None, None, None, NOW))
    await catalog.aclose()
    await blobs.aclose()
    return root


def run(data: Path, *arguments: str) -> Result:
    verb, *rest = arguments
    return CliRunner().invoke(app, [verb, "--data", str(data), *rest])


def run_json(data: Path, *arguments: str) -> Any:
    result = run(data, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def names(data: Path, *arguments: str) -> list[str]:
    return [row["filename"] for row in run_json(data, "ls", *arguments)]


def damage(data: Path) -> Digest:
    path = next((data / "blobs").glob("*/*"))
    path.write_bytes(b"rotten")
    return Digest(path.name)


def test_info(data: Path) -> None:
    found = run_json(data, "info")
    assert found["data"] == str(data)
    assert (found["blobs"], found["files"], found["pages"], found["quarantined"], found["incoming"]) == (3, 3, 2, 0, 0)
    assert found["bytes"] == sum(row["size"] for row in run_json(data, "ls"))
    plain = run(data, "info")
    assert plain.exit_code == 0
    assert str(data) in plain.stdout
    assert "KiB" in plain.stdout


def test_the_data_directory_may_come_from_the_environment(data: Path) -> None:
    result = CliRunner().invoke(app, ["info", "--json"], env={"PIPWAY_DATA": str(data)})
    assert json.loads(result.stdout)["blobs"] == 3


def test_the_data_directory_may_come_from_the_settings_file(data: Path, tmp_path: Path) -> None:
    """The cache that is looked at is the one that the server fills."""
    config = tmp_path / "pipway.toml"
    config.write_text(f'data = "{data}"\n')
    result = CliRunner().invoke(app, ["info", "--json"], env={"PIPWAY_CONFIG": str(config)})
    assert json.loads(result.stdout)["data"] == str(data)


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", "info")
    assert isinstance(result.exception, UsageError)
    assert result.exception.code == "no-data"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_ls(data: Path) -> None:
    assert names(data) == ["alpha-1.0.tar.gz", "alpha-2.0-py3-none-any.whl", "beta_gamma-1.0.tar.gz"]
    assert names(data, "alpha") == ["alpha-1.0.tar.gz", "alpha-2.0-py3-none-any.whl"]
    assert names(data, "*.WHL") == ["alpha-2.0-py3-none-any.whl"]
    assert names(data, "nothing") == []
    plain = run(data, "ls", "beta*").stdout
    assert "beta_gamma-1.0.tar.gz" in plain
    assert (NOW - timedelta(days=2)).strftime("%Y-%m-%d") in plain


def test_verify_finds_no_fault(data: Path) -> None:
    assert run_json(data, "verify") == {"right": 3, "corrupt": [], "fixed": False}


def test_verify_reports_and_leaves_alone(data: Path) -> None:
    digest = damage(data)
    for _ in range(2):
        result = run(data, "verify", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {"right": 2, "corrupt": [digest], "fixed": False}
    assert "--fix" in run(data, "verify").stderr


@pytest.mark.slow
def test_verify_fix_quarantines(data: Path) -> None:
    digest = damage(data)
    assert run_json(data, "verify", "--fix") == {"right": 2, "corrupt": [digest], "fixed": True}
    assert run_json(data, "verify") == {"right": 2, "corrupt": [], "fixed": False}
    found = run_json(data, "info")
    assert (found["blobs"], found["files"], found["quarantined"]) == (2, 2, 1)


def test_prune_to_a_budget(data: Path) -> None:
    sizes = {row["filename"]: row["size"] for row in run_json(data, "ls")}
    budget = sizes["alpha-2.0-py3-none-any.whl"] + sizes["beta_gamma-1.0.tar.gz"]
    removed = run_json(data, "prune", "--budget", str(budget))
    assert removed == {"removed": 1, "freed": sizes["alpha-1.0.tar.gz"]}
    assert names(data) == ["alpha-2.0-py3-none-any.whl", "beta_gamma-1.0.tar.gz"]


def test_prune_a_project_by_any_spelling(data: Path) -> None:
    assert run_json(data, "prune", "--project", "Beta_Gamma")["removed"] == 1
    assert names(data) == ["alpha-1.0.tar.gz", "alpha-2.0-py3-none-any.whl"]
    assert run_json(data, "info")["pages"] == 1


@pytest_asyncio.fixture
async def shared(data: Path) -> Path:
    """The same content is a file of alpha, too."""
    catalog = await open_catalog(data / "catalog.sqlite")
    (file,) = await catalog.files("beta-gamma")
    await catalog.keep_file(StoredFile("https://mirror.example/x", file.digest, file.size, "alpha", "copy.tar.gz"))
    await catalog.aclose()
    return data


def test_prune_keeps_a_blob_that_another_project_needs(shared: Path) -> None:
    assert run_json(shared, "prune", "--project", "beta-gamma")["removed"] == 0
    assert "copy.tar.gz" in names(shared)


@pytest.mark.slow
def test_prune_everything(data: Path) -> None:
    damage(data)
    run_json(data, "verify", "--fix")
    assert run_json(data, "prune", "--all")["removed"] == 2
    found = run_json(data, "info")
    assert (found["blobs"], found["bytes"], found["files"], found["pages"], found["quarantined"]) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("arguments", [(), ("--all", "--budget", "1G"), ("--all", "--project", "alpha")])
def test_prune_wants_exactly_one_wish(data: Path, arguments: tuple[str, ...]) -> None:
    result = run(data, "prune", *arguments)
    assert isinstance(result.exception, UsageError)
    assert len(names(data)) == 3


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("1k", 1024), ("1.5 KiB", 1536), ("10GB", 10 * 10**9), ("2 TiB", 2 << 40), ("7B", 7)],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-1", "1X", "1GG", "1e3", "G"])
def test_what_is_no_size_is_refused(data: Path, text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)
    assert run(data, "prune", f"--budget={text}").exit_code != 0
    assert len(names(data)) == 3
