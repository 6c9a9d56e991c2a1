"""Makes random programs of scenario.md."""

CONTENDED = ["lock", "semaphore", "condition", "event", "barrier", "queue"]
WHEN = ["first_completed", "first_exception", "all_completed"]


class Generator:
    """Makes one program.

    A task waits only for tasks of higher numbers, and for combinators of its own, so that no two wait
    for each other for ever. Where CPython is to do the same, only t0 puts into a queue and only t1
    gets, and nothing is in it that weft does otherwise on purpose (scenario.md, the last section).
    """

    TASKS = 7

    def __init__(self, rng, weft_alone=False):
        self.rng = rng
        self.weft_alone = weft_alone
        # Half of the programs are about one or two primitives that everybody wants.
        self.focus = rng.choices(CONTENDED, k=rng.randint(1, 2)) if rng.random() < 0.5 else []
        self.combinators = {}
        self.labels = 0

    def program(self):
        tasks = {f"t{index}": self.steps(index, 0) for index in range(self.TASKS)}
        rng = self.rng
        return {
            "tasks": tasks,
            "start": [f"t{index}" for index in range(self.TASKS if self.focus else rng.randint(2, 5))],
            "sizes": {
                "s0": rng.randint(0, 2),
                "n0": rng.randint(1, 2),
                "q0": rng.randint(0, 2),
                "k0": rng.randint(0, 2),
                "p0": rng.randint(0, 2),
                "b0": rng.randint(1, 3),
            },
            "turns": 40,
            "ticks": 20,
        }

    def steps(self, who, depth):
        steps = []
        for _ in range(self.rng.randint(1, 6 - 2 * depth)):
            if self.focus and self.rng.random() < 0.7:
                steps += self.contention(who)
            else:
                steps.append(self.step(who, depth))
        return steps

    def contention(self, who):
        """A few steps at a primitive of the program's, and perhaps a pause before or a cancellation."""
        rng = self.rng
        steps = [["yield", rng.randint(1, 2)], ["sleep", rng.choice([1, 1, 2])]]
        steps = [rng.choice(steps)] if rng.random() < 0.6 else []
        if rng.random() < 0.3:
            steps.append(["cancel", f"t{rng.randrange(self.TASKS)}", "m1"])
        pause = rng.choice([["yield", 1], ["yield", 2], ["sleep", 1], ["name"]])
        steps += [list(step) for step in getattr(self, "at_" + rng.choice(self.focus))(who, pause)]
        if rng.random() < 0.3:
            return [["timeout", self.ticks(), steps]]
        if rng.random() < 0.7:
            steps[-1].append({"swallow": True})
        return steps

    def at_lock(self, _who, pause):
        return [["lock", "l0"], pause, ["unlock", "l0"]]

    def at_semaphore(self, _who, pause):
        return self.rng.choice(
            [[["acquire", "s0"], pause, ["release", "s0"]], [["release", "s0"]], [["acquire", "s0"]]]
        )

    def at_condition(self, _who, pause):
        inner = self.rng.choice(
            [
                [["wait", "c0"]],
                [["wait", "c0"]],
                [["wait_until", "c0", "i0", self.rng.randint(1, 3)]],
                [["notify", "c0", 1]],
                [["notify_all", "c0"]],
                [["count", "i0"], pause, ["notify_all", "c0"]],
            ]
        )
        return [["lock", "c0"], *inner, ["unlock", "c0"]]

    def at_event(self, _who, pause):
        return self.rng.choice(
            [
                [["event_wait", "e0"]],
                [["event_wait", "e0"]],
                [["event_set", "e0"], ["event_clear", "e0"]],
                [["event_set", "e0"], pause, ["event_clear", "e0"]],
            ]
        )

    def at_barrier(self, _who, pause):
        rare = self.rng.choice([["barrier_abort", "b0"], ["barrier_reset", "b0"], ["barrier_state", "b0"]])
        return [["barrier", "b0"]] if self.rng.random() < 0.8 else [rare, pause]

    def at_queue(self, who, pause):
        rng = self.rng
        put = [["put", "q0", rng.randrange(100)]]
        get = rng.choice([[["get", "q0"]], [["get", "q0"], pause, ["task_done", "q0"]]])
        rare = [["shutdown", "q0", rng.random() < 0.5]] if rng.random() < 0.15 else [["join", "q0"]]
        putter = put if rng.random() < 0.85 else rare
        if self.weft_alone:
            return putter if rng.random() < 0.5 else get
        return putter if who == 0 else get if who == 1 else [pause]

    def step(self, who, depth):
        step = self.operation(who, depth)
        draw = self.rng.random()
        if draw < 0.15:
            step.append({"swallow": True})
        elif draw < 0.4:
            step.append({"raise": True})
        return step

    def label(self, kind):
        self.labels += 1
        return f"{kind}{self.labels}"

    def later(self, who):
        """A task or future that `who` may wait for."""
        names = [f"t{index}" for index in range(who + 1, self.TASKS)]
        return self.rng.choice(names + ["f0", "f1", "f2"])

    def awaitable(self, who):
        own = self.combinators.get(who, [])
        return self.rng.choice(own) if own and self.rng.random() < 0.5 else self.later(who)

    def anybody(self):
        everything = [f"t{index}" for index in range(self.TASKS)] + ["f0", "f1", "f2"]
        for names in self.combinators.values():
            everything += names
        return self.rng.choice(everything)

    def several(self, who):
        return [self.later(who) for _ in range(self.rng.randint(1, 3))]

    def ticks(self):
        return self.rng.choice([-1, 0, 0, 1, 1, 2, 3, 5, 8])

    def operation(self, who, depth):
        families = [self.of_tasks] * 5 + [self.of_futures] * 5 + [self.of_things] * 5
        families += [self.of_combinators] * 4 + [self.of_loop] + [self.of_time] * 3
        if depth < 2:
            families += [self.of_scopes] * 3
        if depth:
            families += [self.within_scopes] * 3
        return self.rng.choice(families)(who, depth)

    def of_tasks(self, who, depth):
        rng = self.rng
        choices = [
            ["yield", rng.randint(0, 3)],
            ["spawn", f"t{rng.randrange(self.TASKS)}"],
            ["spawn", f"t{rng.randrange(self.TASKS)}"],
            ["eager", f"t{rng.randrange(self.TASKS)}"],
            ["cancelling"],
            ["uncancel"],
            ["cancel_self", rng.choice(["", "m1", "m2"])],
            ["name"],
            ["set_name", f"t{rng.randrange(100)}"],
            ["all_tasks"],
            ["boom"],
            ["var_set", "v0", rng.randrange(100)],
            ["var_get", "v0"],
        ]
        if depth == 0:
            choices.append(["return", rng.randrange(100)])
        return rng.choice(choices)

    def of_futures(self, who, _depth):
        rng = self.rng
        message = rng.choice(["", "m1", "m2"])
        future = f"f{rng.randrange(3)}"
        return rng.choice(
            [
                ["await", self.awaitable(who)],
                ["await", self.awaitable(who)],
                ["await", future],
                ["cancel", self.anybody(), message],
                ["cancel", f"t{rng.randrange(self.TASKS)}", message],
                ["callback", self.anybody(), self.label("done")],
                ["remove_callback", self.anybody(), f"done{rng.randint(1, self.labels + 1)}"],
                ["set", future, rng.randrange(100)],
                ["fail", future],
                ["done", self.anybody()],
                ["cancelled", self.anybody()],
                ["result", self.anybody()],
                ["exception", self.anybody()],
            ]
        )

    def of_time(self, who, _depth):
        return self.rng.choice(
            [
                ["sleep", self.ticks()],
                ["sleep", self.ticks()],
                ["wait_for", self.awaitable(who), self.ticks()],
                ["wait", self.several(who), self.rng.choice(WHEN), self.ticks()],
            ]
        )

    def of_combinators(self, who, _depth):
        if self.rng.random() < 0.3:
            return ["wait", self.several(who), self.rng.choice(WHEN)]
        if self.rng.random() < 0.15:
            names = sorted(set(self.several(who)))
            return ["as_completed", names] + ([self.ticks()] if self.rng.random() < 0.5 else [])
        own = self.combinators.setdefault(who, [])
        own.append(f"g{who}{len(own)}")
        if self.rng.random() < 0.4:
            return ["shield", own[-1], self.later(who)]
        return ["gather", own[-1], self.several(who), self.rng.random() < 0.5]

    def of_scopes(self, who, depth):
        inner = self.steps(who, depth + 1)
        choices = [
            ["timeout", self.ticks(), inner],
            ["group", inner],
            ["group", inner],
            ["wait_for_call", self.rng.choice([1, 2, 3]), inner],
            ["finally", inner, self.steps(who, depth + 1)],
        ]
        if self.weft_alone:
            delay = self.rng.choice([None, 0, 1, 2])
            choices.append(["staggered", delay, inner, self.steps(who, depth + 1)])
        return self.rng.choice(choices)

    def within_scopes(self, who, _depth):
        rng = self.rng
        choices = [["reschedule", rng.choice([None, 0, 1, 2, 5])], ["expired"]]
        if self.weft_alone:
            choices.append(["group_cancel"])
        if who + 1 < self.TASKS:
            choices += [["group_spawn", f"t{rng.randrange(who + 1, self.TASKS)}"]] * 4
        return list(rng.choice(choices))

    def of_loop(self, _who, _depth):
        rng = self.rng
        handle = f"h{rng.randrange(3)}"
        return rng.choice(
            [
                ["call_soon", handle],
                ["call_later", handle, self.ticks()],
                ["cancel_handle", handle],
                ["handle_cancelled", handle],
                ["raise_soon"],
            ]
        )

    def of_things(self, who, _depth):
        rng = self.rng
        choices = [
            [rng.choice(["lock", "unlock", "locked"]), f"l{rng.randrange(2)}"],
            [rng.choice(["lock", "unlock", "wait", "wait", "locked", "notify_all"]), "c0"],
            ["notify", "c0", rng.randint(1, 2)],
            ["wait_until", "c0", "i0", rng.randint(1, 3)],
            ["count", "i0"],
            [rng.choice(["acquire", "release", "locked"]), rng.choice(["s0", "n0"])],
            [rng.choice(["event_wait", "event_set", "event_clear", "is_set"]), "e0"],
            [rng.choice(["barrier", "barrier", "barrier_state", "barrier_reset", "barrier_abort"]), "b0"],
        ]
        queue = rng.choice(["q0", "q0", "k0", "p0"])
        if who == 0 or self.weft_alone:
            choices += [[rng.choice(["put", "put", "put", "put_nowait"]), queue, rng.randrange(100)]] * 4
            choices += [["shutdown", queue, rng.random() < 0.5], ["join", queue]]
        if who == 1 or self.weft_alone:
            choices += [[rng.choice(["get", "get", "get_nowait", "task_done"]), queue]] * 6
            choices += [[rng.choice(["qsize", "empty", "full"]), queue]]
        return list(rng.choice(choices))
