"""Networks of one channel: their pictures are made grey in front of them, and three-channel networks can become so."""

import torch
from torch import Tensor, nn

from lit_invariance.errors import UserError

BRIGHTNESS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue, of ITU-R BT.601, with which Pillow makes pictures grey."""


def as_channels(images: Tensor, channels: int) -> Tensor:
    """Make coloured pictures grey for a network of one channel.

    Args:
        images: `(..., C, H, W)`, float.
        channels: Channels of the network.

    Returns:
        `(..., 1, H, W)` where the pictures have three channels and the network has one; else the pictures.
    """
    if channels != 1 or images.shape[-3] != len(BRIGHTNESS):
        return images
    weights = torch.tensor(BRIGHTNESS, dtype=images.dtype, device=images.device)[:, None, None]
    return (images * weights).sum(-3, keepdim=True)


def first_convolution(network: nn.Module, name: str) -> str:
    """Return the path of the layer that takes the pictures.

    Args:
        network: A network of three channels.
        name: What the user calls it, for the error message.

    Raises:
        UserError: If its first convolution takes no picture of three channels.
    """
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels == len(BRIGHTNESS) and module.groups == 1:
                return str(path)
            break
    raise UserError(
        f"backbone {name} cannot be given one channel, because its first layer is no convolution of three; leave "
        "model.channels at 3, which shows it grey pictures as well."
    )


def make_grey(network: nn.Module, path: str) -> None:
    """Replace a convolution of three channels by one of a single channel, in place.

    Its weights are the sums over the three, so that it answers a grey picture as the old one did the same picture in
    three equal channels.

    Args:
        network: The network.
        path: Of the convolution, from `first_convolution`.
    """
    old = network.get_submodule(path)
    assert isinstance(old, nn.Conv2d)
    shape = {name: getattr(old, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")}
    with torch.random.fork_rng(devices=[]):
        new = nn.Conv2d(1, old.out_channels, bias=old.bias is not None, **shape)
    with torch.no_grad():
        new.weight.copy_(old.weight.sum(1, keepdim=True))
        if old.bias is not None and new.bias is not None:
            new.bias.copy_(old.bias)
    network.set_submodule(path, new)
