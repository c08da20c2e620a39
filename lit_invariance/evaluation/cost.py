"""What a model costs: multiplications, time and memory of a forward pass on the device that evaluates."""

import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from lit_invariance.evaluation.models import Classifier, Model
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.evaluation.precision import EXACT, exact_float32
from lit_invariance.execution.device import device_of
from lit_invariance.protocols.window import sides
from lit_invariance.results.schema import CostEntry

# Enough for a processor to be busy, and few enough for a large network to be measured in seconds.
CPU_BATCH, ACCELERATOR_BATCH = 8, 32
FEWEST_PASSES, MOST_PASSES, SECONDS = 3, 50, 1.0


def measure_costs(models: Sequence[Model], trainer: pl.Trainer) -> list[CostEntry]:
    """Measure the models one by one, on the device and in the precision in which a Trainer has evaluated them.

    Args:
        models: The models.
        trainer: The Trainer.
    """
    device, exact = trainer.strategy.root_device, trainer.precision == EXACT
    costs = []
    for model in models:
        with exact_float32() if exact else nullcontext():
            costs.append(measure_cost(model.classifier, device, trainer.precision_plugin.forward_context()))
    return costs


def measure_cost(classifier: Classifier, device: torch.device, arithmetic: AbstractContextManager[Any]) -> CostEntry:
    """Measure a model as it is evaluated: normalisation, network and wrappers, in channels_last.

    * `macs`: multiply-accumulate operations of one view, as counted by PyTorch's `FlopCounterMode` (two operations
      each): convolutions, matrix products and attention. Fourier transforms, pooling and element-wise work are not
      counted.
    * `latency_ms`: median milliseconds for one view, in batches of 8 on a CPU and of 32 elsewhere, after one pass that
      does not count: passes for a second, 3 at least and 50 at most.
    * `peak_bytes`: parameters, buffers, input and the greatest sum of tensors alive at a time. On CUDA it is the
      allocator's peak, workspaces of kernels included; elsewhere the tensors that each operation returns are counted
      until they are freed, without what a kernel takes and gives back by itself.

    Args:
        classifier: The model; it is moved to the device and back.
        device: Where to measure.
        arithmetic: The precision's context, such as Lightning's `forward_context()`.
    """
    home = device_of(classifier)
    batch = CPU_BATCH if device.type == "cpu" else ACCELERATOR_BATCH
    classifier.to(device)
    with torch.no_grad(), arithmetic:
        views = torch.full((batch, 3, *sides(classifier.image_size)), 0.5, device=device)
        macs = _macs(classifier, views[:1])
        peak = _peak(classifier, views)
        latency = _median_seconds(lambda: classifier(views), device) / batch
    classifier.to(home)
    return {
        "macs": macs,
        "latency_ms": 1000 * latency,
        "peak_bytes": peak + views.nbytes + _bytes(classifier),
        "peak_method": "allocator" if device.type == "cuda" else "tensors",
        "batch": batch,
        "device": _device_name(device),
        "memory_format": "contiguous" if isinstance(classifier, OwnNetwork) else "channels_last",
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
    }


def _macs(network: nn.Module, views: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        network(views)
    return int(counter.get_total_flops() // 2)


def _median_seconds(run: Callable[[], Any], device: torch.device) -> float:
    run()
    _wait(device)
    seconds: list[float] = []
    while len(seconds) < FEWEST_PASSES or (sum(seconds) < SECONDS and len(seconds) < MOST_PASSES):
        start = time.perf_counter()
        run()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _peak(network: nn.Module, views: Tensor) -> int:
    """Bytes that a forward pass needs beyond weights and input."""
    if views.device.type != "cuda":
        with LiveBytes() as live:
            network(views)
        return int(live.peak)
    torch.cuda.synchronize(views.device)
    before = torch.cuda.memory_allocated(views.device)
    torch.cuda.reset_peak_memory_stats(views.device)
    network(views)
    peak: int = torch.cuda.max_memory_allocated(views.device)
    return peak - before


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operations make, until they are freed.

    Attributes:
        peak: Maximum so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count the memory it made."""
        made = func(*args, **(kwargs or {}))
        old = {tensor.untyped_storage().data_ptr() for tensor in tree_leaves((args, kwargs)) if _is_plain(tensor)}
        for tensor in tree_leaves(made):
            if _is_plain(tensor):
                self._count(tensor.untyped_storage(), old)
        return made

    def _count(self, storage: torch.UntypedStorage, old: set[int]) -> None:
        address, size = storage.data_ptr(), storage.nbytes()
        if size == 0 or address in old or address in self._known:
            return
        self._known.add(address)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._freed, address, size)

    def _freed(self, address: int, size: int) -> None:
        self._known.discard(address)
        self._now -= size


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided


def _bytes(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
