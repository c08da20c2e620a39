"""Methods that make a network more invariant, chosen in a config by name and options."""

from lit_invariance.mitigations.applying import Mitigated, apply_mitigations
from lit_invariance.mitigations.exactness import Exactness, check_exact_invariance
from lit_invariance.mitigations.graph.change import Change
from lit_invariance.mitigations.inference.content_align import ContentAlign
from lit_invariance.mitigations.inference.content_crop import ContentCrop
from lit_invariance.mitigations.inference.shift_average import ShiftAverage
from lit_invariance.mitigations.inference.temporal_average import TemporalAverage
from lit_invariance.mitigations.registry import INFERENCE, LOSSES, MITIGATIONS, OVER_TIME, SURGERY
from lit_invariance.mitigations.surgery.adaptive_blur import adaptive_blur
from lit_invariance.mitigations.surgery.batch_norm import batch_norms, reestimate_batch_norm
from lit_invariance.mitigations.surgery.blurpool import BlurPool2d, antialias
from lit_invariance.mitigations.surgery.ideal_lowpass import ideal_lowpass
from lit_invariance.mitigations.surgery.padding import circular_padding, reflect_padding
from lit_invariance.mitigations.surgery.polyphase import polyphase

__all__ = [
    "INFERENCE",
    "LOSSES",
    "MITIGATIONS",
    "OVER_TIME",
    "SURGERY",
    "BlurPool2d",
    "Change",
    "ContentAlign",
    "ContentCrop",
    "Exactness",
    "Mitigated",
    "ShiftAverage",
    "TemporalAverage",
    "adaptive_blur",
    "antialias",
    "apply_mitigations",
    "batch_norms",
    "check_exact_invariance",
    "circular_padding",
    "ideal_lowpass",
    "polyphase",
    "reestimate_batch_norm",
    "reflect_padding",
]
