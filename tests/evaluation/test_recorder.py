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
