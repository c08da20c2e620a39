import json
from datetime import timedelta
from functools import partial

import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.functional import cohen_kappa

from lit_invariance.metrics import (
    SCORES,
    Accuracy,
    Agreement,
    ErrorConsistency,
    ImageMean,
    MeanAbsoluteChange,
    Top1Change,
)
from tests.forks import forked

CLASSES = {
    "accuracy": Accuracy,
    "top1_change": Top1Change,
    "mean_absolute_change": MeanAbsoluteChange,
    "agreement": Agreement,
}

TWO_MINUTES = timedelta(minutes=2)  # a process that waits for a lost one fails instead of hanging


def data(images=11):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(images, 3, 4, generator=generator), torch.randint(0, 4, (images,), generator=generator)


@pytest.mark.parametrize("name", SCORES)
def test_batches_of_any_size_give_the_mean_over_images(name):
    logits, labels = data()
    metric = ImageMean(name)
    for start in range(0, 11, 4):
        metric.update(logits[start : start + 4], labels[start : start + 4])
    expected = SCORES[name].function(logits, labels).double().nanmean()
    torch.testing.assert_close(metric.compute(), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_the_scores_they_are_named_for(name):
    logits, labels = data()
    metric = CLASSES[name]()
    metric.update(logits, labels)
    assert metric.compute().item() == pytest.approx(SCORES[name].function(logits, labels).mean().item(), abs=1e-6)
    assert metric.higher_is_better is SCORES[name].higher_is_better


def test_unknown_score():
    with pytest.raises(ValueError, match="no score is named 'stability'"):
        ImageMean("stability")


def test_a_function_of_one_s_own():
    logits, labels = data()
    metric = ImageMean(margin)
    metric.update(logits, labels)
    assert metric.compute().item() == pytest.approx(logits.double().amax((1, 2)).mean().item(), abs=1e-6)


def margin(logits, labels):
    return logits.amax((1, 2))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_module_in_half_precision_counts_in_full(dtype):
    """700 images of score 1 and 300 of score 0: a sum in bfloat16 sticks at 256, one in float16 loses digits."""
    module = torch.nn.ModuleDict({"metric": Accuracy()}).to(dtype)
    logits = torch.tensor([[[1.0, 0.0]]])
    for number in range(1000):
        module["metric"].update(logits, torch.tensor([int(number >= 700)]))
    assert module["metric"].compute().item() == 0.7
    module["metric"].reset()
    module["metric"].update(logits, torch.tensor([0]))
    assert module["metric"].compute().item() == 1.0


def test_equal_first_batches_do_not_merge_metrics():
    """What compute groups would do: two metrics with equal states after one batch would share them ever after."""
    collection = MetricCollection({name: made() for name, made in CLASSES.items()}, compute_groups=False)
    perfect = torch.tensor([[[2.0, 1.0], [2.0, 1.0]]])
    collection.update(perfect, torch.tensor([0]))
    collection.update(torch.tensor([[[2.0, 1.0], [0.0, 1.0]]]), torch.tensor([1]))
    values = {name: value.item() for name, value in collection.compute().items()}
    assert values["accuracy"] == 0.75
    assert values["agreement"] == 0.5
    assert values["top1_change"] == 0.5


def process(folder):
    torch.distributed.init_process_group("gloo", timeout=TWO_MINUTES)
    rank = torch.distributed.get_rank()
    logits, labels = data()
    metrics = {name: made() for name, made in CLASSES.items()} | {"kappa": ErrorConsistency()}
    for metric in metrics.values():
        metric.update(logits[rank::2], labels[rank::2])  # 6 and 5 images
    metrics["of_one"] = ErrorConsistency()
    metrics["of_one"].update(*((torch.empty(0, 2, 1), labels[:0]) if rank else (logits, labels)))
    found = {name: metric.compute().item() for name, metric in metrics.items()}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def test_two_processes_with_unequal_shares_give_the_number_of_one(tmp_path):
    logits, labels = data()
    answers = logits.argmax(-1)
    kappa = cohen_kappa(answers[:, :-1].flatten(), answers[:, 1:].flatten(), "multiclass", num_classes=4)
    codes, _, printed = forked(partial(process, tmp_path), [], ranks=2)
    assert codes == [0, 0], printed
    for rank in range(2):
        for name, value in json.loads((tmp_path / f"{rank}.json").read_text()).items():
            expected = SCORES[name].function(logits, labels).double().mean().item() if name in SCORES else kappa.item()
            assert value == pytest.approx(expected, abs=1e-12 if name in SCORES else 1e-6), (rank, name)
