"""Which score tells how steady a model is under a protocol, and which protocol summaries speak of."""

from lit_invariance.results.schema import ResultsContent, headline_scores

STABILITY = "top1_change"


def steadiness_score(results: ResultsContent, protocol: str) -> str | None:
    """Return the score that tells how steady a model is under a protocol; None where it shows one view.

    Args:
        results: The results.
        protocol: Label of the protocol.
    """
    scores = headline_scores(results, protocol)
    others = [score for score in scores if "accuracy" not in score]
    views = next(len(entry["steps"]) for entry in results["protocols"] if entry["label"] == protocol)
    return None if views < 2 else STABILITY if STABILITY in scores else next(iter(others), None)


def stability_protocols(results: ResultsContent) -> list[str]:
    """Return the labels of the protocols whose tables show the stability of neighbouring views."""
    labels = [protocol["label"] for protocol in results["protocols"]]
    return [label for label in labels if STABILITY in headline_scores(results, label)]


def leading_protocol(results: ResultsContent) -> str:
    """Return the protocol that summaries speak of: the first with neighbouring views, else the first."""
    return (stability_protocols(results) or [results["protocols"][0]["label"]])[0]
