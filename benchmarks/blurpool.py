"""Compare the time of BlurPool2d with that of the published layer and of timm's, forwards and with the gradient.

    python benchmarks/blurpool.py [--taps 3] [--shape 32 256 56 56] [--device cpu] [--threads 1]

Rounds of all layers in turn, best of each, so that another program on the machine slows all alike. On a Linux CPU it
measures twice: as Python starts, where every large result costs page faults, and with freed memory kept, as train.py
and evaluate.py run (`lit_invariance.cli.allocator`). On a GPU it also tells the share of the copy bandwidth.
"""

import argparse
import time
from collections.abc import Callable

import antialiased_cnns
import torch
from timm.layers import BlurPool2d as TimmBlurPool2d
from torch import Tensor, nn

from lit_invariance.cli.allocator import keep_freed_memory
from lit_invariance.mitigations import BlurPool2d


def main() -> None:
    """Print one table for each way of keeping memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taps", type=int, default=3, help="filter size; timm gives other sizes for even ones")
    parser.add_argument("--shape", type=int, nargs=4, default=(32, 256, 56, 56), metavar=("N", "C", "H", "W"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measure(options, "memory as Python starts")
    if options.device == "cpu":
        keep_freed_memory()
        measure(options, "freed memory kept")


def measure(options: argparse.Namespace, title: str) -> None:
    """Print milliseconds and ratios."""
    channels = options.shape[1]
    layers: dict[str, nn.Module] = {
        "ours": BlurPool2d(options.taps),
        "antialiased_cnns": antialiased_cnns.BlurPool(channels, filt_size=options.taps),
        "timm": TimmBlurPool2d(channels, filt_size=options.taps),
    }
    maps = torch.randn(options.shape, device=options.device).to(memory_format=torch.channels_last)
    cases: dict[tuple[str, str], Callable[[], object]] = {("copy", "forward"): maps.clone}
    for name, layer in layers.items():
        layer = layer.to(options.device)
        cases[name, "forward"] = forward(layer, maps)
        cases[name, "both"] = both(layer, maps)
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(options.rounds):
        for case, run in cases.items():
            best[case] = min(best[case], seconds(run, options.device))
    print(f"{title}: {tuple(options.shape)} channels_last, {options.taps} taps, {options.device}")
    for name in layers:
        line = [f"  {name:17}"]
        for part in ("forward", "both"):
            ratio = best[name, part] / best["ours", part]
            line.append(f"{part} {1e3 * best[name, part]:8.2f} ms ({ratio:4.2f}x ours)")
        print("   ".join(line))
    # A forward pass reads the maps and writes a quarter of them; a copy reads and writes all.
    share = 1.25 / 2 * best["copy", "forward"] / best["ours", "forward"]
    print(
        f"  a copy takes {1e3 * best['copy', 'forward']:.2f} ms; our forward pass reaches {share:.0%} of its bandwidth"
    )


def forward(layer: nn.Module, maps: Tensor) -> Callable[[], object]:
    """The layer without a gradient."""

    def run() -> None:
        with torch.no_grad():
            layer(maps)

    return run


def both(layer: nn.Module, maps: Tensor) -> Callable[[], object]:
    """The layer and the gradient of its input."""
    leaf = maps.clone().requires_grad_()
    gradient = torch.randn_like(layer(leaf))

    def run() -> None:
        leaf.grad = None
        layer(leaf).backward(gradient)

    return run


def seconds(run: Callable[[], object], device: str) -> float:
    """The time of one call, which a GPU has finished."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
