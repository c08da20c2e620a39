"""Measure two networks of your own on a list of pictures: how often does the answer change when the picture moves?"""

import copy

import torch
from PIL import Image, ImageDraw
from torch import nn

import lit_invariance as li


def picture(number: int) -> tuple[Image.Image, int]:
    """A disc or a square on a ground of noise, 64 x 64 pixels, and which of the two it is."""
    image = Image.effect_noise((64, 64), 40).convert("RGB")
    left, top, side = 4 + 7 * number % 29, 4 + 11 * number % 31, 14 + number % 9
    draw = (ImageDraw.Draw(image).ellipse, ImageDraw.Draw(image).rectangle)[number % 2]
    draw((left, top, left + side, top + side), fill=(230, 160, 60))
    return image, number % 2


class Network(nn.Module):
    """Takes pictures (N, 3, S, S), float in [0, 1], and returns logits (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, stride=2))
        self.head = nn.Linear(16, 2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(pictures).relu().amax((2, 3)))


torch.manual_seed(0)
plain = Network()
steady = copy.deepcopy(plain)
print(*li.antialias(steady, taps=4), sep="\n")  # in place; says what it changed

pictures = [picture(number) for number in range(40)]
results = li.evaluate({"plain": plain, "steady": steady}, pictures, ["crop", "embed_black"], image_size=48)
print(results.table())
results.save("results/own_network")
