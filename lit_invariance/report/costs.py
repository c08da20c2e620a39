"""What the models cost, in words and as a table for a terminal."""

from lit_invariance.results.schema import ModelEntry, ResultsContent


def format_costs(results: ResultsContent) -> str:
    """Lay parameters, multiplications, latency and memory out for a terminal; empty where none was measured."""
    if not any(model["cost"] for model in results["models"]):
        return ""
    lines = [["", *(name for name, _, _ in cost_cells(results["models"][0]))]]
    lines += [[model["name"], *(text for _, text, _ in cost_cells(model))] for model in results["models"]]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([f"cost of one view ({how_measured(results)})", *table])


def cost_cells(model: ModelEntry) -> list[tuple[str, str, float | None]]:
    """Return name, text and number of each part of a model's cost."""
    cost = model["cost"]
    # 0 is what is not seen of an exported file.
    cells: list[tuple[str, float | None]] = [("parameters", model["parameters"] or None)]
    cells += [("MACs", cost and (cost["macs"] or None)), ("latency", cost and cost["latency_ms"])]
    cells += [("peak memory", cost and cost["peak_bytes"])]
    units = {"latency": "ms", "peak memory": "B"}
    return [(name, "-" if value is None else _scaled(value, units.get(name, "")), value) for name, value in cells]


def how_measured(results: ResultsContent) -> str:
    """Say on what device, in which batches and formats latency and memory were measured."""
    cost = next((model["cost"] for model in results["models"] if model["cost"]), None)
    if cost is None:
        return "not measured"
    threads = "" if cost["threads"] is None else f", {cost['threads']} thread{'s' * (cost['threads'] > 1)}"
    memory = (
        "the allocator's peak" if cost["peak_method"] == "allocator" else "weights, input and tensors alive at a time"
    )
    return f"{cost['device']}{threads}, batch {cost['batch']}, {cost['memory_format']}; peak memory: {memory}"


def _scaled(value: float, unit: str) -> str:
    if unit == "ms":
        return f"{value:.3g} ms"
    for limit, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {prefix}{unit}"
    return f"{value:g} {unit}".rstrip()


def delays(results: ResultsContent) -> list[str]:
    """Say which models answer late, because their answers to a film are averaged over time, in a sentence or none."""
    late = [f"{model['name']} by {model['delay']:g}" for model in results["models"] if "delay" in model]
    return [f"temporal_average answers late, in frames on average: {', '.join(late)}"] if late else []
