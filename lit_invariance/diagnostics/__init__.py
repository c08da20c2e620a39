"""Why a network is not invariant: its own subsampling, the photographer's bias of its data, and atypical pictures."""

from lit_invariance.diagnostics.aliasing import measure_aliasing
from lit_invariance.diagnostics.bias import measure_bias
from lit_invariance.diagnostics.shiftability import measure_shiftability
from lit_invariance.diagnostics.size import measure_size
from lit_invariance.diagnostics.typicality import measure_typicality

__all__ = ["measure_aliasing", "measure_bias", "measure_shiftability", "measure_size", "measure_typicality"]
