"""An executor: a network made ready to answer batches of one size, as fast as can be without changing its answers."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import Any

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda
from torch import Tensor, nn

from lit_invariance.errors import UserError, said_by
from lit_invariance.execution.compiling import compiled, frozen, pays
from lit_invariance.execution.device import device_of
from lit_invariance.execution.folded_replica import folded_replica
from lit_invariance.execution.memory import is_out_of_memory
from lit_invariance.execution.replica import replica
from lit_invariance.protocols.window import Size, sides

COMPILE = ("auto", "true", "false")
TRIALS = 3
CPU_BATCH, ACCELERATOR_BATCH = 16, 128
"""Enough for a device to be busy; on a processor more only means that activations leave its cache."""
Answer = Callable[[Tensor], Tensor]
Arithmetic = Callable[[], AbstractContextManager[Any]]


def batch_on(device: torch.device) -> int:
    """Return how many views a device answers at a time.

    Args:
        device: The device.
    """
    return CPU_BATCH if device.type == "cpu" else ACCELERATOR_BATCH


class Executor(nn.Module):
    """Answers views with a copy of a network; the network itself is left alone.

    Batches have one size, the last one filled up with zeros, so that every view goes through the same kernels. If one
    does not fit into memory, the size is halved. Batch normalisation is folded where that leaves the answer to a
    picture as it was, to rounding. A network that cannot be copied runs as it is, one batch at a time.

    Args:
        network: In evaluation mode, from pictures `(N, 3, S, S)` in [0, 1] to logits `(N, K)`.
        size: Side S in pixels, or (H, W).
        batch: Views in a batch.
        features: How many columns of what the network gives are features behind its logits, see `WithFeatures`.

    Attributes:
        size: Side S in pixels, or (H, W).
        batch: Views in a batch.
        folded: Batch normalisations folded.
        compiled: Whether it was compiled.
        single: Whether it answers one batch at a time only.
        features: Number of features behind the logits.
    """

    def __init__(self, network: nn.Module, size: Size, batch: int, features: int = 0) -> None:
        super().__init__()
        self.features = features
        self.size, self.batch, self.folded, self.compiled, self.single = size, batch, 0, False, False
        try:
            self.network, self.folded = folded_replica(network, size)
        except Exception:  # whatever a part of a foreign network raises that cannot be copied
            self.network, self.single = network, True
        self._halving = threading.Lock()
        self.open(1, nullcontext)

    def open(self, lanes: int, arithmetic: Arithmetic) -> None:
        """Make ready, on the device where the network is now.

        Args:
            lanes: How many batches may be asked for side by side; 1 for one that is `single`.
            arithmetic: Makes the precision's context, such as Lightning's `forward_context`.
        """
        self._arithmetic = arithmetic
        self._offer([self.network, *(replica(self.network) for _ in range(lanes - 1))])

    def _offer(self, networks: Sequence[Answer]) -> None:
        self._free: SimpleQueue[Answer] = SimpleQueue()
        for network in networks:
            self._free.put(network)

    def forward(self, views: Tensor) -> Tensor:
        """Answer views `(n, 3, S, S)`, any number of them; returns logits `(n, K)`, float32.

        Raises:
            UserError: If not even one view fits into memory.
        """
        while True:
            size = self.batch
            try:
                return torch.cat([self._padded(part, size) for part in torch.split(views, size)])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Only here has the error let go of the tensors it was raised among.
            self._halve(size, views.device)

    def _halve(self, size: int, device: torch.device) -> None:
        garbage_collection_cuda()
        with self._halving:  # another lane may have done it
            if self.batch < size:
                return
            if size == 1:
                raise UserError(
                    f"one view of one image does not fit into the memory of {device} with these models; evaluate them "
                    "one by one, or on another device with --accelerator."
                )
            print(f"out of memory with {size} views at a time; continuing with {size // 2}")
            self.batch = size // 2

    def _padded(self, views: Tensor, size: int) -> Tensor:
        lacking = size - len(views)
        full = torch.cat([views, views.new_zeros(lacking, *views.shape[1:])]) if lacking else views
        answer = self._free.get()
        try:
            return self._run(answer, full)[: len(views)]
        finally:
            self._free.put(answer)

    def _run(self, answer: Answer, views: Tensor) -> Tensor:
        # Both contexts are of one thread, and a lane is another.
        with torch.inference_mode(), self._arithmetic():
            # One kind of tensor: for the other one PyTorch would compile the network again, weights not frozen.
            logits = answer(views if views.is_inference() else views.clone()).float()
            return logits.clone() if self.compiled else logits  # a graph on CUDA writes its next answers over them

    def speed_up(self, choice: str, views: int, name: str) -> None:
        """Compile the network if that was asked for, or if it saves more time than it takes.

        Args:
            choice: `true`, `false`, or `auto`: only where there is so much to answer that it pays, and then the faster
                of the two is kept.
            views: How many views a lane has to answer.
            name: What the user calls the network, for the error message.

        Raises:
            UserError: If it was asked for and cannot be done.
        """
        if choice == "false":
            return
        example, plain = self._example(), 0.0
        if choice == "auto":
            # The first pass is slower than those that follow, so that it is enough to say no.
            if not pays(self.network, self._seconds(self.network, example, 1) * views / self.batch):
                return
            plain = self._seconds(self.network, example)
            if not pays(self.network, plain * views / self.batch):
                return
        fast = compiled(self.network)
        try:
            with frozen():
                self._run(fast, example)
        except Exception as error:  # a compiler may fail with anything at all
            if choice == "true":
                raise UserError(f"model {name} cannot be compiled ({said_by(error)}); leave --compile out.") from error
            return
        if choice == "true" or self._seconds(fast, example) < plain:
            self._offer([fast] * self._free.qsize())
            self.compiled = True

    def _seconds(self, answer: Answer, example: Tensor, trials: int = TRIALS) -> float:
        spent = []
        for _ in range(trials):
            start = time.perf_counter()
            self._run(answer, example)
            if example.device.type != "cpu":
                torch.accelerator.synchronize(example.device)
            spent.append(time.perf_counter() - start)
        return min(spent)

    def _example(self) -> Tensor:
        return torch.full((self.batch, 3, *sides(self.size)), 0.5, device=device_of(self.network))
