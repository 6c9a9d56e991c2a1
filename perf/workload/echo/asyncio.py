"""asyncio's side of this workload."""

import asyncio
import time

from peer import Run, expect_equal, percentile

MESSAGE_BYTES = 64


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(await reader.readexactly(MESSAGE_BYTES))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def ask(port: int, requests: int) -> list[float]:
    """Sends requests, each when the one before was answered; returns how long each took, in us."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    for i in range(requests):
        message = bytes(MESSAGE_BYTES - 1) + bytes([i % 100])
        start = time.perf_counter()
        writer.write(message)
        await writer.drain()
        if await reader.readexactly(MESSAGE_BYTES) != message:
            raise RuntimeError("an answer is wrong")
        times.append((time.perf_counter() - start) * 1e6)
    writer.close()
    return times


async def ask_all(run: Run, port: int, requests: int) -> list[float]:
    """Asks on all connections at once; returns how long the requests took."""
    asked = await asyncio.gather(*(ask(port, requests) for _ in range(run.sizes["connections"])))
    return [time for own in asked for time in own]


async def work(run: Run) -> None:
    requests = run.sizes["requests"]
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    await ask_all(run, port, 1 + requests // 10)
    start = time.perf_counter()
    times = await ask_all(run, port, requests)
    took = (time.perf_counter() - start) * 1e6
    expect_equal(len(times), run.sizes["connections"] * requests, "the number of answers")
    run.report("time", took / len(times), "us")
    run.report("p99", percentile(times, 0.99), "us")
    server.close()
