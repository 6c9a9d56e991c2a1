"""asyncio's side of this workload."""

import asyncio

from peer import Run, each


async def nothing() -> None:
    pass


async def round(count: int) -> None:
    for _ in range(count):
        await asyncio.create_task(nothing())


async def work(run: Run) -> None:
    tasks = run.sizes["tasks"]
    await round(tasks // 10)
    await each(run, tasks, round(tasks))
