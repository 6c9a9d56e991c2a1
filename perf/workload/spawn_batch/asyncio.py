"""asyncio's side of this workload."""

import asyncio

from peer import Run, each, expect_equal


async def number(i: int) -> int:
    return i


async def round(tasks: int) -> None:
    all_tasks = [asyncio.create_task(number(i)) for i in range(tasks)]
    total = 0
    for task in all_tasks:
        total += await task
    expect_equal(total, tasks * (tasks - 1) // 2, "the sum")


async def work(run: Run) -> None:
    tasks = run.sizes["tasks"]
    await round(tasks)
    await each(run, tasks, round(tasks))
