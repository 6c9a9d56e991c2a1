"""Interprets programs of scenario.md over asyncio: one a line from stdin, a list of events a line to stdout.

With --until-line N it ends after N programs. A program whose timers were due at the same moment has
["tie"] for its first event: asyncio promises no order then.
"""

import asyncio
import contextvars
import functools
import gc
import json
import selectors
import sys
from asyncio.staggered import staggered_race

from virtual_loop import NothingToDo, VirtualLoop

WHEN = {
    "first_completed": asyncio.FIRST_COMPLETED,
    "first_exception": asyncio.FIRST_EXCEPTION,
    "all_completed": asyncio.ALL_COMPLETED,
}
MICROS = 1_000_000
PROGRAMS_PER_COLLECTION = 40


class Boom(Exception):
    """What `fail` gives a future and `boom` throws."""


def kind_of(error):
    if isinstance(error, BaseExceptionGroup):
        return "ExceptionGroup[" + ",".join(kind_of(each) for each in error.exceptions) + "]"
    if isinstance(error, asyncio.CancelledError):
        return "CancelledError"
    return type(error).__name__


def text_of(value):
    if isinstance(value, BaseException):
        return kind_of(value)
    if isinstance(value, list):
        return "[" + ",".join(text_of(each) for each in value) + "]"
    return "none" if value is None else str(value)


def tells_message(step):
    """Whether the message of a cancellation is compared: see scenario.md."""
    waits_itself = ("yield", "sleep", "lock", "acquire", "event_wait", "get", "put", "join", "barrier")
    return step[0] in waits_itself or (step[0] == "await" and step[1][0] == "f")


def waits_for_itself(who, operation, first):
    return operation in ("await", "wait_for") and first == who.split("/")[0]


class OrderedSet(dict):
    """A set that is gone through in the order of adding."""

    def add(self, element):
        self[element] = None

    def discard(self, element):
        self.pop(element, None)


class Lock(asyncio.Lock):
    """A lock that goes past the waiters that were cancelled and have yet to run."""

    def _wake_up_first(self):
        waiter = next((each for each in self._waiters or () if not each.cancelled()), None)
        if waiter is not None and not waiter.done():
            waiter.set_result(True)


class GivenAndGone:
    """A semaphore whose queue those have left who were given a permit and have yet to run."""

    def locked(self):
        return self._value == 0 or any(not waiter.done() for waiter in self._waiters or ())


class Semaphore(GivenAndGone, asyncio.Semaphore):
    pass


class BoundedSemaphore(GivenAndGone, asyncio.BoundedSemaphore):
    pass


class Frame:
    """What a step is within."""

    def __init__(self, groups=(), scopes=()):
        self.groups = groups
        self.scopes = scopes


class Result(Exception):
    """Ends a task's steps with a value."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class Interpreter:
    def __init__(self, program, loop):
        self.program = program
        self.loop = loop
        self.start = loop.time()
        self.events = []
        self.turn = 0
        self.timers = 0
        self.ended = False
        self.waitables = {}
        self.things = {}
        self.handles = {}
        self.variables = {}
        self.counters = {}
        self.callbacks = {}
        self.injected_scopes = {}

    def log(self, who, what):
        if self.ended:  # tasks that are left are cancelled in no particular order
            return
        now = round((self.loop.time() - self.start) * MICROS)
        self.events.append([now, self.turn, who, what])

    def delay(self, ticks):
        """Of the program's next timer: no two are due at the same moment, as far as can be."""
        if ticks <= 0:
            return ticks
        self.timers += 1
        return ticks + (self.timers * self.timers * 37 + self.timers * 101) % 100_003 / MICROS

    def thing(self, name):
        if name not in self.things:
            size = self.program.get("sizes", {}).get(name, 1)
            make = {
                "l": Lock,
                "c": lambda: asyncio.Condition(Lock()),
                "e": asyncio.Event,
                "s": lambda: Semaphore(size),
                "n": lambda: BoundedSemaphore(size),
                "q": lambda: asyncio.Queue(size),
                "k": lambda: asyncio.LifoQueue(size),
                "p": lambda: asyncio.PriorityQueue(size),
                "b": lambda: asyncio.Barrier(size),
            }
            self.things[name] = make[name[0]]()
        return self.things[name]

    def waitable(self, name):
        """A task, future or combinator; None where it has not been made."""
        if name[0] == "f" and name not in self.waitables:
            self.waitables[name] = self.loop.create_future()
        return self.waitables.get(name)

    def variable(self, name):
        if name not in self.variables:
            self.variables[name] = contextvars.ContextVar(name, default=0)
        return self.variables[name]

    async def body(self, name):
        frame = Frame()
        try:
            if name in self.injected_scopes:
                async with asyncio.timeout(None) as scope:
                    self.injected_scopes[name] = scope
                    await self.steps(name, self.program["tasks"][name], frame)
            else:
                await self.steps(name, self.program["tasks"][name], frame)
        except Result as result:
            return result.value
        return int(name[1:])

    async def steps(self, who, steps, frame):
        for index, step in enumerate(steps):
            options = step[-1] if isinstance(step[-1], dict) else {}
            arguments = step[1:-1] if options else step[1:]
            label = f"{index} {step[0]}"
            try:
                value = await self.step(who, step[0], arguments, frame)
                self.log(who, f"{label}: {text_of(value)}")
            except Result:
                raise
            except asyncio.CancelledError as error:
                message = error.args[0] if error.args and tells_message(step) else ""
                self.log(who, f"{label}: cancelled {message}".rstrip())
                if not options.get("swallow"):
                    raise
            except Exception as error:
                self.log(who, f"{label}: raised {kind_of(error)}")
                if options.get("raise"):
                    raise

    async def step(self, who, operation, arguments, frame):
        if arguments and waits_for_itself(who, operation, arguments[0]):
            return "itself"
        for family in (
            self.step_of_task,
            self.step_of_future,
            self.step_of_combinator,
            self.step_of_scope,
            self.step_of_thing,
            self.step_of_loop,
        ):
            value = await family(who, operation, arguments, frame)
            if value is not NotImplemented:
                return value
        raise ValueError(f"unknown operation: {operation}")

    async def step_of_task(self, who, operation, arguments, frame):
        task = asyncio.current_task()
        first = arguments[0] if arguments else None
        match operation:
            case "yield":
                for _ in range(first):
                    await asyncio.sleep(0)
            case "sleep":
                await asyncio.sleep(self.delay(first))
            case "spawn" | "eager":
                if first in self.waitables:
                    return "again"
                if operation == "spawn":
                    self.waitables[first] = self.loop.create_task(self.body(first), name=first)
                else:
                    self.waitables[first] = None  # it may ask for itself
                    self.waitables[first] = asyncio.Task(
                        self.body(first), loop=self.loop, name=first, eager_start=True
                    )
            case "cancelling":
                return task.cancelling()
            case "uncancel":
                return task.uncancel()
            case "cancel_self":
                return task.cancel(first)
            case "name":
                return task.get_name()
            case "set_name":
                task.set_name(first)
            case "all_tasks":
                return sorted(each.get_name() for each in asyncio.all_tasks() if each.get_name()[0] == "t")
            case "boom":
                raise Boom
            case "return":
                raise Result(first)
            case "var_set":
                self.variable(first).set(arguments[1])
            case "var_get":
                return self.variable(first).get()
            case _:
                return NotImplemented
        return None

    async def step_of_future(self, who, operation, arguments, frame):
        names = ("await", "cancel", "callback", "remove_callback", "done", "result", "exception", "cancelled")
        if operation not in names + ("set", "fail"):
            return NotImplemented
        target = self.waitable(arguments[0])
        if target is None:
            return "unmade"
        match operation:
            case "await":
                return await target
            case "cancel":
                return target.cancel(arguments[1])
            case "callback":
                label = arguments[1]

                def call(_):
                    self.log("callback", label)

                self.callbacks[label] = call
                target.add_done_callback(call)
            case "remove_callback":
                call = self.callbacks.get(arguments[1])
                if call is not None:
                    target.remove_done_callback(call)
            case "done":
                return target.done()
            case "cancelled":
                return target.cancelled()
            case "result":
                return target.result()
            case "exception":
                return target.exception()
            case "set":
                target.set_result(arguments[1])
            case "fail":
                target.set_exception(Boom())
        return None

    async def step_of_combinator(self, who, operation, arguments, frame):
        first = arguments[0] if arguments else None
        match operation:
            case "gather" | "shield":
                names = arguments[1] if operation == "gather" else [arguments[1]]
                targets = [self.waitable(name) for name in names]
                if None in targets or first in self.waitables:
                    return "unmade"
                if operation == "gather":
                    made = asyncio.gather(*targets, return_exceptions=arguments[2])
                else:
                    made = asyncio.shield(targets[0])
                self.waitables[first] = made
            case "wait" if isinstance(first, list):
                targets = {name: self.waitable(name) for name in first}
                if None in targets.values():
                    return "unmade"
                timeout = self.delay(arguments[2]) if len(arguments) > 2 else None
                done, _ = await asyncio.wait(
                    set(targets.values()), timeout=timeout, return_when=WHEN[arguments[1]]
                )
                return [name for name in targets if targets[name] in done]
            case "wait_for":
                target = self.waitable(first)
                return "unmade" if target is None else await asyncio.wait_for(target, self.delay(arguments[1]))
            case "wait_for_call":
                await asyncio.wait_for(
                    self.steps(who + "/wait_for", arguments[1], frame), self.delay(first)
                )
            case "staggered":
                return await self.staggered(who, arguments)
            case "as_completed":
                targets = {name: self.waitable(name) for name in first}
                if None in targets.values():
                    return "unmade"
                if sum(target.done() for target in targets.values()) > 1:
                    return "several are done"  # it gives those in no particular order
                timeout = self.delay(arguments[1]) if len(arguments) > 1 else None
                names = {id(target): name for name, target in reversed(targets.items())}
                async for each in asyncio.as_completed(set(targets.values()), timeout=timeout):
                    self.log(who, f"completed {names[id(each)]}")
            case _:
                return NotImplemented
        return None

    async def staggered(self, who, arguments):
        """The functions of a race run in tasks of their own."""

        async def run(index):
            await self.steps(f"{who}/race{index}", arguments[index + 1], Frame())
            return index

        functions = [functools.partial(run, index) for index in range(len(arguments) - 1)]
        limit = None if arguments[0] is None else self.delay(arguments[0])
        result, _, errors = await staggered_race(functions, limit)
        return f"{text_of(result)} {text_of(errors)}"

    async def step_of_scope(self, who, operation, arguments, frame):
        first = arguments[0] if arguments else None
        match operation:
            case "timeout":
                async with asyncio.timeout(self.delay(first)) as scope:
                    inner = Frame(frame.groups, frame.scopes + (scope,))
                    await self.steps(who + "/timeout", arguments[1], inner)
            case "reschedule":
                if not frame.scopes:
                    return "unmade"
                when = None if first is None else self.loop.time() + self.delay(first)
                frame.scopes[-1].reschedule(when)
            case "expired":
                return frame.scopes[-1].expired() if frame.scopes else "unmade"
            case "group":
                async with asyncio.TaskGroup() as group:
                    group._tasks = OrderedSet()  # else it cancels them in an order of addresses
                    inner = Frame(frame.groups + (group,), frame.scopes)
                    await self.steps(who + "/group", first, inner)
            case "group_spawn":
                if not frame.groups or first in self.waitables:
                    return "unmade"
                coroutine = self.body(first)
                try:
                    self.waitables[first] = frame.groups[-1].create_task(coroutine, name=first)
                finally:
                    if first not in self.waitables:
                        coroutine.close()
            case "finally":
                try:
                    await self.steps(who + "/try", first, frame)
                finally:
                    await self.steps(who + "/finally", arguments[1], frame)
            case _:
                return NotImplemented
        return None

    async def step_of_thing(self, who, operation, arguments, frame):
        if not arguments or not isinstance(arguments[0], str):
            return NotImplemented
        thing = arguments[0]
        more = arguments[1:]
        match operation:
            case "lock" | "acquire":
                await self.thing(thing).acquire()
            case "unlock" | "release":
                self.thing(thing).release()
            case "locked":
                return self.thing(thing).locked()
            case "event_wait":
                await self.thing(thing).wait()
            case "wait":
                await self.thing(thing).wait()
            case "wait_until":
                counter, least = more
                await self.thing(thing).wait_for(lambda: self.counters.get(counter, 0) >= least)
            case "notify":
                self.thing(thing).notify(more[0])
            case "notify_all":
                self.thing(thing).notify_all()
            case "count":
                self.counters[thing] = self.counters.get(thing, 0) + 1
                return self.counters[thing]
            case "event_set":
                self.thing(thing).set()
            case "event_clear":
                self.thing(thing).clear()
            case "is_set":
                return self.thing(thing).is_set()
            case "put":
                await self.thing(thing).put(more[0])
            case "get":
                return await self.thing(thing).get()
            case "put_nowait":
                self.thing(thing).put_nowait(more[0])
            case "get_nowait":
                return self.thing(thing).get_nowait()
            case "qsize":
                return self.thing(thing).qsize()
            case "empty":
                return self.thing(thing).empty()
            case "full":
                return self.thing(thing).full()
            case "task_done":
                self.thing(thing).task_done()
            case "join":
                await self.thing(thing).join()
            case "shutdown":
                self.thing(thing).shutdown(more[0])
            case "barrier":
                return await self.thing(thing).wait()
            case "barrier_reset":
                await self.thing(thing).reset()
            case "barrier_abort":
                await self.thing(thing).abort()
            case "barrier_state":
                barrier = self.thing(thing)
                return [barrier.n_waiting, barrier.broken]
            case _:
                return NotImplemented
        return None

    async def step_of_loop(self, who, operation, arguments, frame):
        first = arguments[0] if arguments else None
        match operation:
            case "call_soon":
                self.handles[first] = self.loop.call_soon(self.log, "callback", first)
            case "call_later":
                self.handles[first] = self.loop.call_later(
                    self.delay(arguments[1]), self.log, "callback", first
                )
            case "cancel_handle":
                if first not in self.handles:
                    return "unmade"
                self.handles[first].cancel()
            case "handle_cancelled":
                return self.handles[first].cancelled() if first in self.handles else "unmade"
            case "raise_soon":
                self.loop.call_soon(self.throw_from_callback)
            case _:
                return NotImplemented
        return None

    def throw_from_callback(self):
        raise Boom

    def on_exception(self, loop, context):
        # Errors that nobody looked at come when the object ends, which is another moment in Python.
        if "future" not in context:
            self.log("handler", kind_of(context["exception"]) if "exception" in context else "?")

    async def main(self):
        self.loop.set_exception_handler(self.on_exception)
        for inject in self.program.get("inject", []):
            if inject.get("timeout"):
                self.injected_scopes[inject["cancel"]] = None
        for name in self.program["start"]:
            if name not in self.waitables:
                self.waitables[name] = self.loop.create_task(self.body(name), name=name)
        await self.go_round(self.program["turns"])
        for _ in range(self.program.get("ticks", 50)):
            await asyncio.sleep(1)
            self.next_turn()
        for name in sorted(self.waitables):
            if name[0] == "t" and self.waitables[name] is not None:
                if not self.waitables[name].done():
                    self.waitables[name].cancel("end")
        await self.go_round(self.program["turns"])
        for name in sorted(self.waitables):
            if self.waitables[name] is not None:
                self.log("main", f"{name}: {self.ending(self.waitables[name])}")
        self.ended = True

    async def go_round(self, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
            self.next_turn()

    def next_turn(self):
        self.turn += 1
        for inject in self.program.get("inject", []):
            target = self.waitables.get(inject["cancel"])
            if inject["turn"] != self.turn or target is None:
                continue
            scope = self.injected_scopes.get(inject["cancel"])
            if scope is not None and not target.done() and not scope.expired():
                try:
                    scope.reschedule(self.loop.time())
                except RuntimeError:
                    pass  # it was left
            for _ in range(inject.get("times", 1)):
                target.cancel("injected")

    @staticmethod
    def ending(target):
        if not target.done():
            return "pending"
        if target.cancelled():
            return "cancelled"
        return text_of(target.exception() or target.result())


def interpret(program):
    loop = VirtualLoop(selectors.DefaultSelector())
    interpreter = Interpreter(program, loop)
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(interpreter.main())
    except NothingToDo:
        # A task that is left swallows its cancellation and waits on, and so does Runner for it.
        if not interpreter.ended:
            raise
    return [["tie"]] if loop.tied else interpreter.events


def main():
    # Coroutines that never ended run their `finally` when they are collected: not within another
    # program, whose current task they would take for their own.
    gc.disable()
    for number, line in enumerate(sys.stdin):
        print(json.dumps(interpret(json.loads(line))), flush=True)
        if number % PROGRAMS_PER_COLLECTION == 0:
            gc.collect()


if __name__ == "__main__":
    main()
