"""asyncio's side of this workload."""

import asyncio

from peer import Run, each, expect_equal


async def work(run: Run) -> None:
    tasks, yields = run.sizes["tasks"], run.sizes["yields"] != 0

    async def round(count: int) -> None:
        lock = asyncio.Lock()
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            for _ in range(count):
                async with lock:
                    turns += 1
                    if yields:
                        await asyncio.sleep(0)

        await asyncio.gather(*(take_turns() for _ in range(tasks)))
        expect_equal(turns, tasks * count, "the number of turns")

    count = run.sizes["turns"] // tasks
    await round(1 + count // 10)
    await each(run, count * tasks, round(count))
