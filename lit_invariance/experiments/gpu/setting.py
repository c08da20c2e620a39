"""On what, and how much is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from torch import nn

from lit_invariance.mitigations import antialias

WEIGHTS = {"mobilenet_v2": "mobilenet_v2-eadb7c0d.pth"}
PLAIN, BLURRED = "plain", "BlurPool"


@dataclass(frozen=True)
class Setting:
    """On what, and how much is measured.

    Attributes:
        device: Where.
        dry: Whether to go through everything in the small.
        data: Folder of real weights; None makes do with random ones.
    """

    device: torch.device
    dry: bool
    data: Path | None

    @property
    def names(self) -> list[str]:
        """Networks of torchvision that are looked at."""
        return ["squeezenet1_1"] if self.dry else ["resnet50", "mobilenet_v2"]

    @property
    def side(self) -> int:
        """Side of the pictures in pixels."""
        return 32 if self.dry else 224

    @property
    def seconds(self) -> float:
        """How long a rate is measured."""
        return 0.01 if self.dry else 1.5

    def network(self, name: str, kind: str = PLAIN) -> nn.Module:
        """Make a network in channels_last on the CPU, in evaluation mode.

        Args:
            name: Its name in torchvision.
            kind: `PLAIN` or `BLURRED`.
        """
        torch.manual_seed(0)
        network: nn.Module = getattr(torchvision.models, name)()
        if self.data is not None and name in WEIGHTS:
            network.load_state_dict(torch.load(self.data / "weights" / WEIGHTS[name], weights_only=True))
        if kind == BLURRED:
            antialias(network, taps=4)
        return network.eval().to(memory_format=torch.channels_last)

    @contextmanager
    def peak(self) -> Iterator[list[float]]:
        """Measure the greatest memory on the GPU inside, in MiB; nothing is found on a CPU."""
        found: list[float] = []
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        yield found
        if self.device.type == "cuda":
            found.append(torch.cuda.max_memory_allocated() / 2**20)
