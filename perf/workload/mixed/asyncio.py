"""asyncio's side of this workload."""

import asyncio
import time

from peer import Run, keep_busy, percentile


MESSAGE_BYTES = 64


async def ask(port: int, kind: bytes, requests: int) -> list[float]:
    """Sends requests of a kind, each when the one before was answered; returns how long each took, in us."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    for _ in range(requests):
        start = time.perf_counter()
        writer.write(kind * MESSAGE_BYTES)
        await writer.drain()
        if await reader.readexactly(MESSAGE_BYTES) != kind * MESSAGE_BYTES:
            raise RuntimeError("an answer is wrong")
        times.append((time.perf_counter() - start) * 1e6)
    writer.close()
    return times


async def ask_all(run: Run, port: int) -> list[float]:
    """Asks on all connections at once; returns how long the short requests took."""
    sizes = run.sizes
    short, long = [], []
    for i in range(sizes["connections"]):
        short.append(asyncio.create_task(ask(port, b"s", sizes["requests"])))
        if i < sizes["busy_connections"]:
            long.append(asyncio.create_task(ask(port, b"l", sizes["busy_requests"])))
    times = [time for own in await asyncio.gather(*short) for time in own]
    await asyncio.gather(*long)
    return times


async def work(run: Run) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                message = await reader.readexactly(MESSAGE_BYTES)
                if message[:1] == b"l":
                    keep_busy(run.sizes["busy_us"] / 1e6)
                writer.write(message)
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    await ask_all(run, port)
    start = time.perf_counter()
    times = await ask_all(run, port)
    run.report("time", (time.perf_counter() - start) * 1e6 / len(times), "us")
    run.report("p99", percentile(times, 0.99), "us")
    server.close()
