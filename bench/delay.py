"""`delay.py NEAR FAR SECONDS`: a relay on loopback that makes a round trip take that long. The benchmarks start it."""

from __future__ import annotations

import asyncio
import sys


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Every piece `seconds` later, however many are on the way."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)

    async def receive() -> None:
        while True:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            await pieces.put((loop.time() + seconds, data))
            if not data:
                return

    receiving = asyncio.create_task(receive())
    try:
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        receiving.cancel()
        writer.close()


async def main(near: int, far: int, seconds: float) -> None:
    """Until it is ended."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", far)
        await asyncio.gather(carry(reader, there[1], seconds / 2), carry(there[0], writer, seconds / 2))

    async with await asyncio.start_server(accept, "127.0.0.1", near, backlog=512) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
