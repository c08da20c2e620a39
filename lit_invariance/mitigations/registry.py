"""The mitigations by name.

There are four kinds: surgery changes a network in place, a loss adds a term to the training, an inference wrapper
shows the network something else than the bare picture, in evaluation mode only, and what works over time changes the
answers to the frames of a film.
"""

from collections.abc import Callable

from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.inference.content_align import ContentAlign
from lit_invariance.mitigations.inference.content_crop import ContentCrop
from lit_invariance.mitigations.inference.shift_average import ShiftAverage
from lit_invariance.mitigations.inference.temporal_average import TemporalAverage
from lit_invariance.mitigations.inference.wrapper import InferenceWrapper
from lit_invariance.mitigations.interfaces import Loss
from lit_invariance.mitigations.losses.consistency import Consistency
from lit_invariance.mitigations.losses.distillation import Distillation
from lit_invariance.mitigations.surgery.adaptive_blur import adaptive_blur
from lit_invariance.mitigations.surgery.blurpool import antialias
from lit_invariance.mitigations.surgery.ideal_lowpass import ideal_lowpass
from lit_invariance.mitigations.surgery.padding import circular_padding, reflect_padding
from lit_invariance.mitigations.surgery.polyphase import polyphase

SURGERY: dict[str, Callable[..., list[Change]]] = {
    "blurpool": antialias,  # Zhang 2019, "Making convolutional networks shift-invariant again", arXiv 1904.11486
    "adaptive_blur": adaptive_blur,  # Zou et al. 2020, "Delving deeper into anti-aliasing in ConvNets"
    "ideal_lowpass": ideal_lowpass,  # Michaeli et al. 2023, "Alias-free convnets", arXiv 2303.08085
    "polyphase": polyphase,  # Chaman & Dokmanic 2021, "Truly shift-invariant convolutional neural networks"
    "circular_padding": circular_padding,
    "reflect_padding": reflect_padding,
}
LOSSES: dict[str, Callable[..., Loss]] = {
    "consistency": Consistency,  # Zheng et al. 2016, "Improving the robustness ... via stability training"
    "distillation": Distillation,  # Hinton et al. 2015, "Distilling the knowledge in a neural network"
}
INFERENCE: dict[str, Callable[..., InferenceWrapper]] = {
    "shift_average": ShiftAverage,
    "content_align": ContentAlign,  # Kaba et al. 2023, "Equivariance with learned canonicalization functions"
    "content_crop": ContentCrop,  # in the spirit of Shifman & Weiss 2024, "Lost in translation", arXiv 2404.07153
}
OVER_TIME: dict[str, Callable[..., TemporalAverage]] = {
    "temporal_average": TemporalAverage,
}
MITIGATIONS = {**SURGERY, **LOSSES, **INFERENCE, **OVER_TIME}
