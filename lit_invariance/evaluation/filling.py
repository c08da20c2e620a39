"""Filling batches: views of any image under any protocol go through a network in full batches, in their order."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from lit_invariance.execution.executor import Executor
from lit_invariance.execution.lanes import Lanes

Take = Callable[[Sequence[Tensor]], None]
"""Receives the logits `(n, K)` of each executor for the next n of the views that were shown."""
Segment = tuple[Tensor, Take]


@dataclass
class _Stream:
    """Views on their way to the same executors.

    Attributes:
        executors: They answer each view.
        waiting: Views that do not fill a batch yet.
    """

    executors: Sequence[Executor]
    waiting: deque[Segment] = field(default_factory=deque)

    @property
    def views(self) -> int:
        """Number of waiting views."""
        return sum(len(views) for views, _ in self.waiting)

    def cut(self, most: int) -> list[Segment]:
        """Take up to so many views from the front; what has no views goes along with what was before it."""
        taken: list[Segment] = []
        while self.waiting and (most or not len(self.waiting[0][0])):
            views, take = self.waiting.popleft()
            taken.append((views[:most], take))
            if len(views) > most:
                self.waiting.appendleft((views[most:], take))
            most -= len(taken[-1][0])
        return taken


class Filling:
    """Shows views to executors in full batches, several batches side by side, and hands the logits out in order.

    While the lanes compute, the caller makes the next views. What waits is bounded: less than a batch for each set of
    executors, and one batch more than there are lanes.

    Args:
        lanes: Where the executors run.
        ahead: Batches that may be under way when `show` returns.
    """

    def __init__(self, lanes: Lanes, ahead: int) -> None:
        self.lanes, self.ahead = lanes, ahead
        self._streams: dict[tuple[int, ...], _Stream] = {}
        self._under_way: deque[tuple[list[Segment], Future[list[Tensor]]]] = deque()

    def show(self, executors: Sequence[Executor], views: Tensor, take: Take) -> None:
        """Add views.

        Args:
            executors: Each of them answers the views; all have the same size of batch.
            views: `(V, C, S, S)`; none of them is allowed too.
            take: Called with the logits, in parts and in the order of the views, now or later; with no views once, with
                an empty sequence.
        """
        key = tuple(map(id, executors))
        stream = self._streams.setdefault(key, _Stream(executors))
        stream.waiting.append((views, take))
        batch = executors[0].batch
        while stream.views >= batch:
            self._start(stream, batch)

    def flush(self) -> None:
        """Answer what does not fill a batch, and hand everything out."""
        for stream in self._streams.values():
            if stream.waiting:
                self._start(stream, stream.views)
        self.drain()

    def drain(self) -> None:
        """Hand out what is under way."""
        while self._under_way:
            self._hand_out()

    def _start(self, stream: _Stream, count: int) -> None:
        segments = stream.cut(count)
        shown = [views for views, _ in segments if len(views)]
        answers = partial(_answers, stream.executors, torch.cat(shown)) if shown else list
        self._under_way.append((segments, self.lanes.run(answers)))
        while len(self._under_way) > self.ahead:
            self._hand_out()

    def _hand_out(self) -> None:
        segments, future = self._under_way.popleft()
        logits, start = future.result(), 0
        for views, take in segments:
            stop = start + len(views)
            take([answered[start:stop] for answered in logits] if len(views) else [])
            start = stop


def _answers(executors: Sequence[Executor], views: Tensor) -> list[Tensor]:
    return [executor(views) for executor in executors]
