"""asyncio's side of this workload."""

import asyncio

from peer import Run, each


async def yield_each(yields: int) -> None:
    for _ in range(yields):
        await asyncio.sleep(0)


async def work(run: Run) -> None:
    tasks, yields = run.sizes["tasks"], run.sizes["yields"]

    async def round(count: int) -> None:
        await asyncio.gather(*(yield_each(count) for _ in range(tasks)))

    await round(1 + yields // tasks // 10)
    await each(run, yields, round(yields // tasks))
