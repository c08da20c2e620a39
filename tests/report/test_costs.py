import pytest

from lit_invariance.report.costs import cost_cells, format_costs, how_measured

COST = {"macs": 4_089_184_256, "latency_ms": 12.345, "peak_bytes": 250_300_000, "peak_method": "tensors", "batch": 8}
COST |= {"device": "cpu", "memory_format": "channels_last", "threads": 2}


@pytest.fixture
def measured(results):
    for model, macs in zip(results["models"], (4_089_184_256, 950_000, 12_000, 700), strict=True):
        model |= {"parameters": 25_557_032, "cost": COST | {"macs": macs}}
    return results


def test_table(measured):
    title, heading, first, *rest = format_costs(measured).splitlines()
    assert title.startswith("cost of one view (cpu, 2 threads, batch 8, channels_last; peak memory: weights, input")
    assert heading.split() == ["parameters", "MACs", "latency", "peak", "memory"]
    assert first.split() == ["baseline", "25.6", "M", "4.09", "G", "12.3", "ms", "250", "MB"]
    assert [line.split()[3:5] for line in rest] == [["950", "k"], ["12", "k"], ["700", "12.3"]]


def test_a_gpu_has_no_threads(measured):
    measured["models"][0]["cost"] |= {"device": "NVIDIA H200", "threads": None, "peak_method": "allocator", "batch": 32}
    assert how_measured(measured) == "NVIDIA H200, batch 32, channels_last; peak memory: the allocator's peak"


def test_not_measured(measured):
    measured["models"][1]["cost"] = None
    assert [text for _, text, _ in cost_cells(measured["models"][1])] == ["25.6 M", "-", "-", "-"]
    for model in measured["models"]:
        model["cost"] = None
    assert format_costs(measured) == ""
    assert how_measured(measured) == "not measured"
