"""`pipway cache info|ls|verify|prune`: look at and tidy what is stored, whether a server runs or not.

Works on the data directory only, never on the network. A server that runs on the same directory notices.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipway.errors import UsageError
from pipway.settings import load
from pipway.settings.values import SIZE
from pipway.store.base import Digest
from pipway.store.catalog import Catalog, StoredFile, open_catalog
from pipway.store.fs import FsBlobs
from pipway.store.sweep import sweep

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look into what is stored, verify it, make room.",
)

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        default_factory=lambda: load(environ=os.environ).data,
        show_default="the server's, by its settings",
        help="The data directory.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class Store:
    """What a data directory holds, opened."""

    blobs: FsBlobs
    catalog: Catalog


@app.command()
def info(data: Data, as_json: Json = False) -> None:
    """Say how much is stored, and where."""

    async def collect(store: Store) -> dict[str, Any]:
        totals = await store.catalog.totals()
        blobs, size = 0, 0
        async for _, length in store.blobs.list():
            blobs += 1
            size += length
        return {
            "data": str(data),
            "blobs": blobs,
            "bytes": size,
            **asdict(totals),
            "quarantined": len(_entries(data / "quarantine")),
            "incoming": len(_entries(data / "incoming")),
        }

    found = _run(data, collect)
    if as_json:
        _print_json(found)
        return
    typer.echo(f"Data directory  {found['data']}")
    typer.echo(f"Files           {found['blobs']} ({_human(found['bytes'])})")
    typer.echo(f"Known URLs      {found['files']}")
    typer.echo(f"Pages           {found['pages']} ({_human(found['page_bytes'])} uncompressed)")
    typer.echo(f"Quarantined     {found['quarantined']}")
    typer.echo(f"Being written   {found['incoming']}")


@app.command("ls")
def list_files(
    data: Data,
    pattern: Annotated[str, typer.Argument(help="Project or file name; * and ? as in a shell.")] = "*",
    as_json: Json = False,
) -> None:
    """List stored files: size, last use, name."""

    async def collect(store: Store) -> list[dict[str, Any]]:
        uses = await store.catalog.uses()
        stored = {digest async for digest, _ in store.blobs.list()}
        return [
            {**asdict(file), "last_used": uses[file.digest].isoformat() if file.digest in uses else None}
            for file in await store.catalog.files()
            if file.digest in stored and _matches(file, pattern)
        ]

    rows = _run(data, collect)
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        last = row["last_used"][:10] if row["last_used"] else "-"
        typer.echo(f"{_human(row['size']):>10}  {last:10}  {row['filename']}")


@app.command()
def verify(
    data: Data,
    fix: Annotated[
        bool, typer.Option("--fix", help="Move what is corrupt to quarantine/: it is fetched anew.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hash every stored file; exit status 1 when one is corrupt and was not fixed."""

    async def check(store: Store) -> dict[str, Any]:
        right = 0
        corrupt: list[Digest] = []
        async for digest, _ in store.blobs.list():
            verdict = await store.blobs.verify(digest, quarantine=fix)
            right += verdict is True
            if verdict is False:
                corrupt.append(digest)
        if fix:
            await store.blobs.sweep_incoming()
            await store.catalog.forget_blobs(corrupt)
        return {"right": right, "corrupt": corrupt, "fixed": fix}

    found = _run(data, check)
    if as_json:
        _print_json(found)
    else:
        for digest in found["corrupt"]:
            typer.echo(f"corrupt{' (quarantined)' if fix else ''}: {digest}")
        typer.echo(f"{found['right']} right, {len(found['corrupt'])} corrupt")
    if found["corrupt"] and not fix:
        typer.echo("`pipway cache verify --fix` moves corrupt files away, so that they are fetched anew.", err=True)
        raise typer.Exit(1)


@app.command()
def prune(
    data: Data,
    budget: Annotated[str | None, typer.Option(help="Keep at most this much, e.g. 10GB; least valuable first.")] = None,
    project: Annotated[str | None, typer.Option(help="Forget this project: its page and its files.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget everything that is stored.")] = False,
    as_json: Json = False,
) -> None:
    """Remove stored files."""

    if [budget is not None, project is not None, everything].count(True) != 1:
        raise UsageError(
            "prune-what", "say what to prune", fix="give exactly one of --budget SIZE, --project NAME, --all"
        )
    limit = parse_size(budget) if budget is not None else 0

    async def remove(store: Store) -> dict[str, Any]:
        await store.blobs.sweep_incoming()
        if project is not None:
            return await _prune_project(store, re.sub(r"[-_.]+", "-", project).lower())  # PEP 503 normalised names
        if everything:
            await store.catalog.forget_pages()
            await store.blobs.empty_quarantine()
        result = await sweep(store.blobs, store.catalog, budget=limit, now=datetime.now(UTC))
        return {"removed": result.removed, "freed": result.freed}

    found = _run(data, remove)
    if as_json:
        _print_json(found)
    else:
        typer.echo(f"Removed {found['removed']} files, {_human(found['freed'])}.")


async def _prune_project(store: Store, project: str) -> dict[str, Any]:
    """Forget a project and remove those of its blobs that no other URL needs."""
    files = await store.catalog.files(project)
    await store.catalog.forget_project(project)
    needed = {file.digest for file in await store.catalog.files()}
    removed = freed = 0
    for digest in {file.digest for file in files} - needed:
        size = await store.blobs.size(digest)
        if size is not None and await store.blobs.delete(digest):
            removed += 1
            freed += size
            await store.catalog.forget_blobs([digest])
    await store.catalog.shrink()
    return {"removed": removed, "freed": freed}


def parse_size(text: str) -> int:
    """Bytes of a size as a person writes it; the settings file understands the same forms."""
    try:
        return SIZE.read(text, Path())
    except ValueError as error:
        raise UsageError(
            "bad-size", f"not a size: {text!r}", why=str(error), fix="write a number and a unit, such as 500MiB or 10GB"
        ) from None


def _run(data: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    """Open the data directory, do the work, close."""
    if not data.is_dir():
        raise UsageError(
            "no-data", f"there is no data directory {data}", fix="start `pipway serve` once, or name another by --data"
        )

    async def within() -> Any:
        async with _opened(data) as store:
            return await work(store)

    return asyncio.run(within())


@asynccontextmanager
async def _opened(data: Path) -> AsyncIterator[Store]:
    catalog = await open_catalog(data / "catalog.sqlite")
    blobs = FsBlobs(data)
    try:
        yield Store(blobs, catalog)
    finally:
        await blobs.aclose()
        await catalog.aclose()


def _matches(file: StoredFile, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in (file.project, file.filename))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _human(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2)
    typer.echo()
