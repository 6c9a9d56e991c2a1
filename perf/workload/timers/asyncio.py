"""asyncio's side of this workload."""

import asyncio
import random

from peer import Run, each


def nothing() -> None:
    pass


async def work(run: Run) -> None:
    count = run.sizes["timers"]
    chance = random.Random(1)
    delays = [3600 + chance.randrange(3_600_000) / 1000 for _ in range(count)]
    loop = asyncio.get_running_loop()
    handles: list[asyncio.TimerHandle] = []

    async def create() -> None:
        for delay in delays:
            handles.append(loop.call_later(delay, nothing))

    async def cancel() -> None:
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)  # what it puts off for a turn is a part of it

    await each(run, count, create(), "create")
    await each(run, count, cancel(), "cancel")
