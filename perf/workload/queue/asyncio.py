"""asyncio's side of this workload."""

import asyncio

from peer import Run, each, expect_equal


async def put(queue: asyncio.Queue, count: int) -> None:
    for i in range(count):
        await queue.put(i)


async def get(queue: asyncio.Queue, count: int) -> int:
    total = 0
    for _ in range(count):
        total += await queue.get()
    return total


async def work(run: Run) -> None:
    producers, consumers = run.sizes["producers"], run.sizes["consumers"]

    async def round(items: int) -> None:
        queue = asyncio.Queue(run.sizes["capacity"])
        getting = [asyncio.create_task(get(queue, items // consumers)) for _ in range(consumers)]
        putting = [asyncio.create_task(put(queue, items // producers)) for _ in range(producers)]
        total = sum(await asyncio.gather(*getting))
        await asyncio.gather(*putting)
        count = items // producers
        expect_equal(total, producers * (count * (count - 1) // 2), "the sum")

    items, step = run.sizes["items"], producers * consumers
    await round((items // 10 // step + 1) * step)
    await each(run, items, round(items))
