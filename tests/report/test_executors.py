from lit_invariance.report.executors import format_executors

RUN = {"folded": 52, "compiled": True, "batch": 16, "lanes": 2, "views": 1300, "ties": 3}


def test_each_model_is_said_to_have_been_run_in_some_way(results):
    results["models"] = [
        results["models"][0] | {"executor": RUN},
        results["models"][1] | {"executor": RUN | {"folded": 0, "compiled": False, "lanes": 1, "ties": 0}},
    ]
    assert format_executors(results).splitlines() == [
        "how the networks were run",
        "baseline: 32-true, 52 batch norms folded into convolutions, compiled, batches of 16, 2 side by side; 3 of "
        "1300 answers are ties (two greatest logits within 0.0001)",
        "aa_resnet50: 32-true, no batch norm folded, not compiled, batches of 16; 0 of 1300 answers are ties (two "
        "greatest logits within 0.0001)",
    ]


def test_results_of_an_earlier_version_do_not_say_it(results):
    assert format_executors(results) == ""
