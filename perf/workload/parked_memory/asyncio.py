"""asyncio's side of this workload."""

import asyncio

from peer import Run, resident_bytes


async def work(run: Run) -> None:
    tasks = run.sizes["tasks"]
    before = resident_bytes()
    all_tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(tasks)]
    await asyncio.sleep(0)  # each gets to its wait
    run.report("memory", (resident_bytes() - before) / tasks, "bytes")
    for task in all_tasks:
        task.cancel()
