"""Anti-aliased networks as a whole: plain torchvision's, ours, and those of antialiased-cnns and of timm.

A layer alone says little: what it costs in a network depends on the memory that its neighbours leave in the cache.
"""

from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lit_invariance.experiments.benchmark.answer import Answer, Scale, Target
from lit_invariance.experiments.benchmark.turns import medians
from lit_invariance.mitigations import antialias

TAPS = 3
BATCH = 4
PLAIN, OURS, ADOBE, TIMM = "plain", "ours", "antialiased-cnns", "timm"


def blurred_networks(scale: Scale) -> Answer:
    """Measure a forward pass and a training step of whole networks.

    Args:
        scale: How much is measured.
    """
    names, side = (["resnet18"], 32) if scale.small else (["resnet50", "mobilenet_v2"], 224)
    images = torch.randn(BATCH, 3, side, side).to(memory_format=torch.channels_last)
    rows, targets = [], []
    for name in names:
        networks = built(name)
        for part, step in {"inference": infer, "training step": train}.items():
            spent = medians({key: partial(step, each, images) for key, each in networks.items()}, scale.rounds)
            rates = [f"{BATCH / spent[key]:.1f}" if key in spent else "" for key in (PLAIN, OURS, ADOBE, TIMM)]
            rows.append([name, part, *rates, f"{spent[OURS] / spent[PLAIN]:.2f}"])
            rival = min(spent[key] for key in (ADOBE, TIMM) if key in spent)
            targets.append(Target(f"{name}, {part}: ours against the faster of the others", 1.0, rival / spent[OURS]))
            if part == "training step" and name == "resnet50":
                against_plain = spent[OURS] / spent[PLAIN]
                targets.append(Target(f"{name}, {part}: anti-aliased against plain", 1.2, against_plain, at_most=True))
    columns = ("network", f"images/s, batch {BATCH}", PLAIN, OURS, ADOBE, TIMM, "ours / plain, time")
    return Answer(columns, rows, targets, [f"Filters of {TAPS} taps; the first convolution stays strided in all."])


def built(name: str) -> dict[str, nn.Module]:
    """The plain network and the anti-aliased ones that exist of it, in channels_last."""
    import antialiased_cnns

    make = getattr(torchvision.models, name)
    networks = {PLAIN: make(), OURS: make()}
    antialias(networks[OURS], TAPS)
    networks[ADOBE] = getattr(antialiased_cnns, name)(pretrained=False, filter_size=TAPS)
    if name.startswith("resnet"):
        networks[TIMM] = _timm(name)
    return {key: network.to(memory_format=torch.channels_last) for key, network in networks.items()}


def _timm(name: str) -> nn.Module:
    """Timm's own, whose filters have 3 taps unless told otherwise."""
    import timm
    from timm.layers.blur_pool import BlurPool2d

    network: nn.Module = timm.create_model(name, aa_layer=BlurPool2d)
    return network


def infer(network: nn.Module, images: Tensor) -> None:
    """Run a forward pass in evaluation mode."""
    with torch.inference_mode():
        network.eval()(images)


def train(network: nn.Module, images: Tensor) -> None:
    """Run a forward and a backward pass in training mode."""
    torch.autograd.backward(F.cross_entropy(network.train()(images), torch.arange(len(images))))
    network.zero_grad()
