"""Run as `python -m tests.store.write_rows FILE NAME COUNT`: one of several processes that fill a catalog at once."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipway.store.base import Digest
from pipway.store.catalog import StoredFile, open_catalog


async def main(path: Path, name: str, count: int) -> None:
    catalog = await open_catalog(path)
    for number in range(count):
        digest = Digest(f"{number:064x}")
        catalog.touch(digest, datetime.now(UTC))
        url = f"https://files.example/{name}/{number}"
        await catalog.keep_file(StoredFile(url, digest, number, name, f"{number}.tar.gz"))
        found = await catalog.file(url)
        assert found is not None, "a row that was kept is there at once"
    await catalog.aclose()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
