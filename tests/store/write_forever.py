"""Run as `python -m tests.store.write_forever DIR SEED`: stores blobs until killed, telling each step on stdout."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from pipway.store.fs import FsBlobs


async def main(root: Path, seed: int) -> None:
    blobs = FsBlobs(root)
    dice = random.Random(seed)
    while True:
        writer = await blobs.begin()
        print("begun", flush=True)
        for _ in range(dice.randrange(1, 5)):
            await writer.write(dice.randbytes(dice.randrange(1, 200_000)))
            print("written", flush=True)
        print("stored", await writer.commit(hashes={}, size=None), flush=True)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
