"""An asyncio loop whose time stands still while anything is ready, and jumps to the next deadline."""

import asyncio
import selectors


class NothingToDo(BaseException):
    """Nothing is ready, and nothing will be."""


class JumpingSelector(selectors.BaseSelector):
    """Never waits: moves the loop's clock on instead."""

    def __init__(self, selector):
        self.selector = selector
        self.loop = None

    def select(self, timeout=None):
        events = self.selector.select(0)
        if not events and timeout is None:
            raise NothingToDo
        if not events and timeout > 0:
            self.loop.jump()
        return events

    def register(self, fileobj, events, data=None):
        return self.selector.register(fileobj, events, data)

    def unregister(self, fileobj):
        return self.selector.unregister(fileobj)

    def modify(self, fileobj, events, data=None):
        return self.selector.modify(fileobj, events, data)

    def close(self):
        self.selector.close()

    def get_map(self):
        return self.selector.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector):
        self.now = 1000.0
        self.tied = False  # two timers were due at the same moment
        jumping = JumpingSelector(selector)
        super().__init__(jumping)
        jumping.loop = self
        self._clock_resolution = 1e-9

    def time(self):
        return self.now

    def jump(self):
        self.now = self._scheduled[0].when()

    def call_at(self, when, callback, *args, context=None):
        for handle in self._scheduled:
            if not handle.cancelled() and abs(handle.when() - when) < 5e-7:
                self.tied = True
        return super().call_at(when, callback, *args, context=context)
