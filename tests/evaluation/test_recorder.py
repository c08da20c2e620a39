import pytest
import torch

from lit_invariance.evaluation.recorder import Group, Recorder


@pytest.mark.parametrize(("classes", "measured"), [(5, False), (6, True)])
def test_of_five_classes_all_are_among_the_first_five(classes, measured):
    recorder, group = Recorder(), Group(torch.tensor([0, 1]), [range(2), range(2)], 2)
    recorder.add_logits(("model", "crop"), [torch.randn(4, classes)], group)
    scores = {score for *_, score in recorder.scores}
    assert {"accuracy", "top1_change"} <= scores
    for score in ("top5_accuracy", "jaggedness", "jaggedness_share"):
        assert (score in scores) is measured


def test_scores_of_neighbours_are_not_measured_where_views_are_compared_with_the_first():
    recorder, group = Recorder(), Group(torch.tensor([0, 1]), [range(3), range(3)], 3, against_first=True)
    recorder.add_logits(("model", "preprocessing"), [torch.randn(6, 7)], group)
    recorder.add_features(("model", "preprocessing"), [torch.randn(6, 4)], group)
    recorder.add_features(("other", "preprocessing"), None, group)
    measured = {"accuracy", "top5_accuracy", "worst_case_accuracy", "agreement", "all_agree"}
    assert {score for *_, score in recorder.scores} == measured
