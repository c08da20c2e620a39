"""Compare whole anti-aliased networks: plain torchvision's, ours and those of antialiased-cnns, in images a second.

    python benchmarks/blurpool.py [--networks resnet18 resnet50 mobilenet_v2] [--taps 4] [--batch 4] [--device cpu]

A layer alone says little: what it costs in a network depends on memory that its neighbours leave in the cache. All
networks take turns, round by round, and medians are compared, so that another program on the machine slows all alike.
Freed memory is kept on Linux, as train.py and evaluate.py do (`lit_invariance.cli.allocator`).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import antialiased_cnns
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.mitigations import antialias


def main() -> None:
    """Print a line for each network, in inference and in training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["resnet18", "resnet50", "mobilenet_v2"])
    parser.add_argument("--taps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    for name in options.networks:
        networks = {key: each.to(options.device) for key, each in built(name, options.taps).items()}
        images = torch.randn(options.batch, 3, 224, 224, device=options.device).to(memory_format=torch.channels_last)
        for part, step in {"inference": infer, "training": train}.items():
            medians = measured({key: partial(step, each, images) for key, each in networks.items()}, options.rounds)
            line = [f"{key} {options.batch / each:.1f} images/s" for key, each in medians.items()]
            ratio = medians["antialiased_cnns"] / medians["ours"]
            print(
                f"{name:14} {part:9}", *line, f"ours {ratio:.2f} x as fast as antialiased_cnns", sep="   ", flush=True
            )


def built(name: str, taps: int) -> dict[str, nn.Module]:
    """The plain network and both anti-aliased ones, in channels_last."""
    make = getattr(torchvision.models, name)
    networks = {"plain": make(), "ours": make()}
    antialias(networks["ours"], taps)
    networks["antialiased_cnns"] = getattr(antialiased_cnns, name)(pretrained=False, filter_size=taps)
    return {key: network.to(memory_format=torch.channels_last) for key, network in networks.items()}


def infer(network: nn.Module, images: Tensor) -> None:
    """A forward pass in evaluation mode."""
    with torch.inference_mode():
        network.eval()(images)


def train(network: nn.Module, images: Tensor) -> None:
    """A forward and a backward pass in training mode."""
    F.cross_entropy(network.train()(images), torch.arange(len(images), device=images.device)).backward()
    network.zero_grad()


def measured(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The median seconds of each step; two rounds more are run first and not counted."""
    times: dict[str, list[float]] = {key: [] for key in steps}
    for number in range(rounds + 2):
        for key in list(steps)[number % len(steps) :] + list(steps)[: number % len(steps)]:
            spent = seconds(steps[key])
            if number >= 2:
                times[key].append(spent)
    return {key: statistics.median(each) for key, each in times.items()}


def seconds(step: Callable[[], None]) -> float:
    """The time of one call, which a GPU has finished."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
