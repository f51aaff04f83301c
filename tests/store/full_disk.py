"""Run as `python -m tests.store.full_disk DIR KIND`: meets a disk that is `full` or `forbidden`, tells what it saw.

The kernel itself refuses: a limit on file length (EFBIG, the one kind of fullness any user can make), or another user.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from tests.contracts.blobs import put, read_and_close, sha256

from pipway.errors import PipwayError
from pipway.store.fs import FsBlobs

LIMIT = 500_000


async def main(root: Path, kind: str) -> None:
    blobs = FsBlobs(root)
    kept = await put(blobs, b"kept")
    if kind == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    elif os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)  # root may write anywhere
    else:
        for folder in (root / "incoming", root / "blobs"):
            folder.chmod(0o500)
    try:
        writer = await blobs.begin()
        source = writer.source(2 * LIMIT)
        reading = asyncio.create_task(read_and_close(source))
        try:
            for _ in range(20):
                await writer.write(bytes(LIMIT // 10))
            await writer.commit(hashes={}, size=2 * LIMIT)
        except PipwayError as error:
            await writer.abort(error)
            (seen,) = await asyncio.gather(reading, return_exceptions=True)
            assert isinstance(seen, PipwayError)
            print("reader", seen.code)
            raise
    except PipwayError as error:
        print("writer", error.code, "fix" if error.fix else "no fix")
    if kind == "full":
        assert not list((root / "incoming").iterdir())
        small = await put(blobs, b"small enough")
        assert sha256(await read_and_close(await blobs.open(small))) == small
    assert await read_and_close(await blobs.open(kept)) == b"kept"
    try:
        print("blobs", len([entry async for entry in blobs.list()]))
    except PipwayError as error:
        print("list", error.code)
    await blobs.aclose()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
