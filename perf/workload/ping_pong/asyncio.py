"""asyncio's side of this workload."""

import asyncio

from peer import Run, each, expect_equal


async def echo(there: asyncio.Queue, back: asyncio.Queue, count: int) -> None:
    for _ in range(count):
        await back.put(await there.get() + 1)


async def round(count: int) -> None:
    there, back = asyncio.Queue(1), asyncio.Queue(1)
    task = asyncio.create_task(echo(there, back, count))
    ball = 0
    for _ in range(count):
        await there.put(ball)
        ball = await back.get()
    await task
    expect_equal(ball, count, "the number of trips")


async def work(run: Run) -> None:
    trips = run.sizes["trips"]
    await round(1 + trips // 10)
    await each(run, trips, round(trips))
