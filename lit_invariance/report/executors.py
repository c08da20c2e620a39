"""How the models were run, in words."""

from lit_invariance.results.outcomes import TIE
from lit_invariance.results.schema import ModelEntry, ResultsContent


def format_executors(results: ResultsContent) -> str:
    """Say for a terminal how each model was run; empty for results of an earlier version, which do not know it."""
    lines = [f"{model['name']}: {run}" for model in results["models"] if (run := how_run(model, results))]
    return "\n".join(["how the networks were run", *lines]) if lines else ""


def how_run(model: ModelEntry, results: ResultsContent) -> str:
    """Say how a model was run and how many of its answers hang on rounding; empty where that is not known."""
    if "executor" not in model:
        return ""
    run = model["executor"]
    folded = f"{run['folded']} batch norms folded into convolutions" if run["folded"] else "no batch norm folded"
    lanes = f", {run['lanes']} side by side" if run["lanes"] > 1 else ""
    ties = f"{run['ties']} of {run['views']} answers are ties (two greatest logits within {TIE:g})"
    compiled = "compiled" if run["compiled"] else "not compiled"
    return f"{results['precision']}, {folded}, {compiled}, batches of {run['batch']}{lanes}; {ties}"
