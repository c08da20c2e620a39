"""Measure, explain and fix how an image classifier answers when the picture moves by one pixel.

Everything public is here by name, and imported when it is first used: `import lit_invariance as li`, then
`li.evaluate`, `li.antialias`, `li.InvarianceCallback`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_invariance.api.evaluate import evaluate
    from lit_invariance.api.results import Results
    from lit_invariance.data.anchored_films import AnchoredFilms
    from lit_invariance.data.datamodule import InvarianceData
    from lit_invariance.data.video import Film
    from lit_invariance.errors import UserError
    from lit_invariance.metrics import (
        SCORES,
        SET_SCORES,
        Accuracy,
        Agreement,
        ErrorConsistency,
        MeanAbsoluteChange,
        Top1Change,
        agreement,
        mean_absolute_change,
        top1_change,
    )
    from lit_invariance.mitigations import (
        MITIGATIONS,
        ContentAlign,
        ContentCrop,
        ShiftAverage,
        TemporalAverage,
        antialias,
        apply_mitigations,
    )
    from lit_invariance.protocols import PROTOCOLS, views_of
    from lit_invariance.shipping.ship import export
    from lit_invariance.training.checkpoint import load_checkpoint
    from lit_invariance.training.classifier import LitClassifier
    from lit_invariance.training.invariance_callback import InvarianceCallback

    __version__: str

_HOMES = {
    "evaluate": "api.evaluate",
    "Results": "api.results",
    "export": "shipping.ship",
    "InvarianceCallback": "training.invariance_callback",
    "LitClassifier": "training.classifier",
    "load_checkpoint": "training.checkpoint",
    "InvarianceData": "data.datamodule",
    "Film": "data.video",
    "AnchoredFilms": "data.anchored_films",
    "PROTOCOLS": "protocols",
    "views_of": "protocols",
    "MITIGATIONS": "mitigations",
    "apply_mitigations": "mitigations",
    "antialias": "mitigations",
    "ShiftAverage": "mitigations",
    "ContentAlign": "mitigations",
    "ContentCrop": "mitigations",
    "TemporalAverage": "mitigations",
    "SCORES": "metrics",
    "SET_SCORES": "metrics",
    "Accuracy": "metrics",
    "Top1Change": "metrics",
    "MeanAbsoluteChange": "metrics",
    "Agreement": "metrics",
    "ErrorConsistency": "metrics",
    "top1_change": "metrics",
    "mean_absolute_change": "metrics",
    "agreement": "metrics",
    "UserError": "errors",
}
"""Public name to the module that holds it."""

__all__ = [
    "MITIGATIONS",
    "PROTOCOLS",
    "SCORES",
    "SET_SCORES",
    "Accuracy",
    "Agreement",
    "AnchoredFilms",
    "ContentAlign",
    "ContentCrop",
    "ErrorConsistency",
    "Film",
    "InvarianceCallback",
    "InvarianceData",
    "LitClassifier",
    "MeanAbsoluteChange",
    "Results",
    "ShiftAverage",
    "TemporalAverage",
    "Top1Change",
    "UserError",
    "__version__",
    "agreement",
    "antialias",
    "apply_mitigations",
    "evaluate",
    "export",
    "load_checkpoint",
    "mean_absolute_change",
    "top1_change",
    "views_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name == "__version__":
        from lit_invariance.version import version

        value: Any = version()
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
