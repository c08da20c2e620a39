import os
import signal
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from pytorch_lightning import Trainer
from torch import nn

from lit_invariance.data.batch import Positioned
from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.evaluation import measurement, rendering, runner
from lit_invariance.evaluation.data import EvaluationData, Loading
from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.models import Model
from lit_invariance.evaluation.own_network import OwnNetwork
from lit_invariance.evaluation.plan import plan
from lit_invariance.evaluation.protocols import choose_protocols
from lit_invariance.evaluation.recorder import ties
from lit_invariance.evaluation.runner import make_trainer, run
from lit_invariance.execution import executor
from lit_invariance.models.preprocessing import Preprocessing
from lit_invariance.protocols import PROTOCOLS, Protocol, generator_for
from lit_invariance.results.outcomes import TIE


@pytest.fixture
def at_once(request, monkeypatch):
    """How many views are rendered, answered and scored together."""
    monkeypatch.setattr(rendering, "VIEWS_AT_ONCE", request.param)
    monkeypatch.setattr(measurement, "GROUP", request.param)
    monkeypatch.setattr(executor, "CPU_BATCH", request.param)
    return request.param


SPECS = ["centre_crop", "crop", {"embed_black": {"background": "mean"}}]


def evaluate(models, data, specs=SPECS, seed=0):
    trainer = make_trainer("cpu", 1, "32-true", progress=False)
    return run(trainer, models, choose_protocols(specs), EvaluationData.of(data), seed)[0]


def plain_answers(network, protocol, image, label, generator):
    """Scores and answers of one image, view by view, in plain Python."""
    answers, probabilities = [], []
    for view in protocol(image, generator):
        logits = network(view[None]).detach().double().numpy()[0]
        exponentials = np.exp(logits - logits.max())
        answers.append(int(logits.argmax()))
        probabilities.append(exponentials / exponentials.sum())
    scores = {"accuracy": sum(answer == label for answer in answers) / len(answers)}
    if len(answers) > 1:
        scores["top1_change"] = float(answers[0] != answers[1])
        scores["agreement"] = float(answers[0] == answers[1])
        scores["mean_absolute_change"] = abs(probabilities[0][answers[0]] - probabilities[1][answers[0]])
        scores["top1_change_given_correct"] = scores["top1_change"] if answers[0] == label else np.nan
    return scores, answers, [p[label] for p in probabilities], [p.max() for p in probabilities]


@pytest.mark.parametrize("at_once", [1, 5, 64], indirect=True)
@pytest.mark.parametrize("threads", [1, 3])
def test_equals_plain_loop(pixel_model, shapes, at_once, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        equals_plain_loop(pixel_model, shapes)
    finally:
        torch.set_num_threads(before)


def equals_plain_loop(pixel_model, shapes):
    models = [pixel_model("one", seed=1), pixel_model("two", seed=2, image_size=12, mean=(0.1, 0.2, 0.3))]
    data = shapes()
    outcomes = evaluate(models, data, seed=5)
    source = data.predict_dataloader().dataset.source
    assert outcomes.indices.tolist() == list(range(23))
    assert outcomes.labels.tolist() == [source[index][1] for index in range(23)]
    expected, said = {}, {}
    for model in models:
        for name, options in [("centre_crop", {}), ("crop", {}), ("embed_black", {"background": "mean"})]:
            network, label = model.classifier, "embed_black(background=mean)" if options else name
            protocol = PROTOCOLS[name](size=network.image_size, mean=network.mean, **options)
            for index in range(23):
                image, target = source[index]
                scores, *views = plain_answers(network, protocol, image, target, generator_for(5, name, index))
                for score, value in scores.items():
                    expected.setdefault((model.name, label, score), []).append(value)
                said.setdefault((model.name, label), []).append(views)
    assert expected.keys() <= outcomes.columns.keys()
    for column, values in expected.items():
        np.testing.assert_allclose(outcomes.columns[column], values, atol=1e-6, err_msg=str(column))
    assert 0 < outcomes.columns["one", "crop", "top1_change"].mean() < 1  # else the comparison would say little
    assert outcomes.answers.keys() == said.keys()
    for cell, views in said.items():
        predictions, true, top = (np.array([view[part] for view in views]) for part in range(3))
        np.testing.assert_array_equal(outcomes.answers[cell].predictions, predictions)
        np.testing.assert_allclose(outcomes.answers[cell].true_probability, true, atol=1e-6)
        np.testing.assert_allclose(outcomes.answers[cell].top_probability, top, atol=1e-6)


@dataclass(frozen=True, kw_only=True)
class Uneven(Protocol):
    """Even images show views 1..3 of five, odd ones only view 2, the fifth none: the picture dimmed by its step."""

    name = "uneven"
    unit = "step"

    @property
    def steps(self):
        return (0.0, 1.0, 2.0, 3.0, 4.0)

    def shown(self, height, width, box=None):
        if box[0] == 5:
            return range(0)
        return range(1, 4) if box[0] % 2 == 0 else range(2, 3)

    def parts(self, image, generator, most, box=None):
        steps = list(self.shown(*image.shape[1:], box))
        for start in range(0, len(steps), most):
            yield torch.stack([image.float() / 255 / (step + 1) for step in steps[start : start + most]])


@pytest.mark.parametrize("at_once", [2, 5, 64], indirect=True)  # at 2 the image without views is alone
def test_images_may_have_room_for_some_of_the_views_only(pixel_model, shapes, monkeypatch, at_once):
    monkeypatch.setitem(PROTOCOLS, "uneven", Uneven)
    data, model = shapes(shapes={"val_images": 23, "size": 16}), pixel_model("one")
    source = data.predict_dataloader().dataset.source
    monkeypatch.setattr(Positioned, "box", lambda images, index: (index, 0, 1, 1))
    outcomes = evaluate([model], data, ["uneven"])
    answers = outcomes.answers["one", "uneven"]
    assert (answers.predictions[5] == -1).all()
    assert np.isnan([values[5] for values in outcomes.columns.values()]).all()
    for index in [index for index in range(23) if index != 5]:
        steps = [1, 2, 3] if index % 2 == 0 else [2]
        logits = model.classifier(torch.stack([source[index][0].float() / 255 / (step + 1) for step in steps]))
        np.testing.assert_array_equal(answers.predictions[index, steps], logits.argmax(1))
        assert (np.delete(answers.predictions[index], steps) == -1).all()
        assert np.isnan(np.delete(answers.true_probability[index], steps)).all()
        change = outcomes.columns["one", "uneven", "top1_change"][index]
        if len(steps) == 1:
            assert np.isnan(change)
        else:
            assert change == (logits.argmax(1).diff() != 0).float().mean().item()
    assert outcomes.columns["one", "uneven", "accuracy"].shape == (23,)
    assert outcomes.columns["one", "uneven", "top5_accuracy"].shape == (23,)


def test_columns_stand_protocol_by_protocol_in_the_order_of_models(pixel_model, shapes):
    outcomes = evaluate([pixel_model("z"), pixel_model("a", image_size=12)], shapes(), ["crop", "centre_crop"])
    order = list(dict.fromkeys((protocol, model) for model, protocol, _ in outcomes.columns))
    assert order == [("crop", "z"), ("crop", "a"), ("centre_crop", "z"), ("centre_crop", "a")]


def test_models_of_the_same_input_share_their_views(pixel_model):
    models = [pixel_model("a"), pixel_model("b", seed=2), pixel_model("small", image_size=12)]
    tasks = plan(models, choose_protocols(["crop", "embed_black"]))
    shared = [(task.label, task.protocol.size, [model.name for model in task.models]) for task in tasks]
    assert shared == [
        ("crop", 16, ["a", "b"]),
        ("crop", 12, ["small"]),
        ("embed_black", 16, ["a", "b"]),
        ("embed_black", 12, ["small"]),
    ]


@pytest.mark.parametrize("at_once", [10], indirect=True)
def test_networks_see_full_batches_across_images_and_protocols(pixel_model, shapes, at_once):
    model = pixel_model("a")
    evaluate([model], shapes())  # 23 images of 1 + 2 + 2 views, in loader's batches of 8
    calls = [call for call in model.classifier.calls if len(call) > 1]  # one picture looks for batch norm to fold
    assert [len(call) for call in calls] == [10] * 12
    assert all(call[5:].any() != (number == 11) for number, call in enumerate(calls))  # the last is filled up


def test_same_images_are_decoded_once_for_all(pixel_model, shapes, monkeypatch):
    data, seen = shapes(), []
    source = type(data.predict_dataloader().dataset.source)
    decode = source.__getitem__
    monkeypatch.setattr(source, "__getitem__", lambda self, index: seen.append(index) or decode(self, index))
    evaluate([pixel_model("a"), pixel_model("b", image_size=12)], data)
    assert seen == list(range(23))


def test_an_executor_answers_as_the_network_but_for_ties(shared_data):
    network = torchvision.models.mobilenet_v2()
    weights = shared_data / "weights" / "mobilenet_v2-eadb7c0d.pth"
    network.load_state_dict(torch.load(weights, weights_only=True))
    prepared = OwnNetwork(network.eval(), Preprocessing()).eval()
    data = InvarianceData(
        dataset="image_folder", root=str(shared_data / "imagenet_val"), val_fraction=1.0, max_images=12, num_workers=0
    )
    outcomes = evaluate([Model(ModelSource("a", "a"), prepared)], data, ["embed_black"])
    answers = outcomes.answers["a", "embed_black"]
    protocol = PROTOCOLS["embed_black"](size=224)
    with torch.no_grad():
        for row, index in enumerate(outcomes.indices.tolist()):
            image = data.validation_images().source[index][0]
            logits = prepared(protocol(image, generator_for(0, "embed_black", index)))
            margin = logits.topk(2).values.diff().abs()[:, 0].numpy()
            agrees = answers.predictions[row] == logits.argmax(1).numpy()
            assert (agrees | answers.tied[row] | (margin < TIE)).all()
            assert answers.tied[row][margin < TIE / 2].all()
            assert not answers.tied[row][margin > 2 * TIE].any()


def test_ties_are_counted():
    logits = torch.tensor([[0.0, 1, 1.00005], [0, 1, 1.001], [5, 5, 0], [-1, 0, 9]])
    assert ties(logits).tolist() == [True, False, True, False]
    assert ties(torch.zeros(2, 1)).tolist() == [False, False]


class Spoilt(nn.Module):
    preprocessing = Preprocessing(size=16, mean=(0.5, 0.5, 0.5))

    def forward(self, images):
        logits = images.flatten(1)[:, :10].clone()
        logits[2:, 4] = torch.nan
        return logits


def test_logits_that_are_not_finite_are_refused(pixel_model, shapes):
    model = pixel_model("broken")
    spoilt = type(model)(model.source, Spoilt())
    with pytest.raises(UserError, match=r"model broken .* protocol crop on image 1;"):
        evaluate([spoilt], shapes(), ["crop"])


def test_image_too_small_is_named(pixel_model, tmp_path, shapes):
    from PIL import Image

    (tmp_path / "cat").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "cat" / "a.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "cat" / "b.png")
    data = shapes(dataset="image_folder", root=str(tmp_path), shapes=None, val_fraction=1.0, num_workers=0)
    with pytest.raises(UserError, match=r"protocol crop cannot show image 1 \(.*b\.png\): an image of 1 x 1 pixels"):
        evaluate([pixel_model("a", num_classes=1)], data, ["crop"])


def test_trainer_leaves_nothing(in_folder):
    assert isinstance(make_trainer("cpu", 1, "32-true", progress=True), Trainer)
    assert list(in_folder.iterdir()) == []


def test_the_trainer_knows_of_other_machines():
    trainer = make_trainer("cpu", 2, "32-true", progress=False, num_nodes=3)
    assert trainer.world_size == 6


def test_no_memory_of_a_worker_is_kept(pixel_model, shapes, monkeypatch):
    measure, opened = measurement.Measurement.predict_step, []

    def step(self, batch, number):
        opened.append(len(os.listdir("/proc/self/fd")))
        return measure(self, batch, number)

    monkeypatch.setattr(measurement.Measurement, "predict_step", step)
    outcomes = evaluate([pixel_model("a")], shapes(shapes={"val_images": 120}, batch_size=1, num_workers=2), ["crop"])
    assert len(outcomes.indices) == len(opened) == 120
    assert max(opened[60:]) - max(opened[:60]) < 20  # two a batch would be 120


def test_a_killed_worker_is_told_in_a_sentence(pixel_model, shapes, monkeypatch):
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    data = shapes(num_workers=1)
    source = type(data.predict_dataloader().dataset.source)
    decode = source.__getitem__

    def die(self, index):
        if index == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(self, index)

    monkeypatch.setattr(source, "__getitem__", die)
    with pytest.raises(UserError, match="a process that loads pictures was killed, .*--data.num_workers 1"):
        evaluate([pixel_model("a")], data)


def test_a_dead_process_of_several_is_told_in_a_sentence(monkeypatch):
    def left_alone(parts, own):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:51234")

    monkeypatch.setattr(torch.distributed, "all_gather_object", left_alone)
    measured = SimpleNamespace(mistake=None, parts=[])
    with pytest.raises(UserError, match="another process of this evaluation has ended"):
        runner._gathered(measured, 2)


class Hungry(nn.Module):
    """A network whose memory holds so many views; what it raises is real."""

    def __init__(self, network, most, error):
        super().__init__()
        self.network, self.most, self.error = network, most, error
        self.preprocessing = network.preprocessing

    def forward(self, images):
        if len(images) > self.most:
            self.error()
        return self.network(images)


def too_large():
    torch.empty(2**60)


def too_large_for_numpy():
    np.zeros(2**58)


@pytest.mark.parametrize("error", [too_large, too_large_for_numpy])
def test_out_of_memory_goes_on_with_half(pixel_model, shapes, capsys, monkeypatch, error):
    monkeypatch.setattr(executor, "CPU_BATCH", 64)
    plain, hungry = pixel_model("a"), pixel_model("a")
    hungry = Model(hungry.source, Hungry(hungry.classifier, 10, error))
    expected, outcomes = evaluate([plain], shapes()), evaluate([hungry], shapes())
    assert capsys.readouterr().out.splitlines() == [
        "out of memory with 64 views at a time; continuing with 32",
        "out of memory with 32 views at a time; continuing with 16",
        "out of memory with 16 views at a time; continuing with 8",
    ]
    assert outcomes.indices.tolist() == list(range(23))
    np.testing.assert_allclose(outcomes.matrix(), expected.matrix(), atol=1e-6)


def test_no_memory_for_a_single_view(pixel_model, shapes):
    model = pixel_model("a")
    with pytest.raises(UserError, match="one view of one image does not fit into the memory of cpu"):
        evaluate([Model(model.source, Hungry(model.classifier, 0, too_large))], shapes())


def test_other_errors_of_a_network_are_not_taken_for_a_lack_of_memory(pixel_model, shapes):
    model = pixel_model("a")
    with pytest.raises(RuntimeError, match="must match"):
        evaluate([Model(model.source, Hungry(model.classifier, 0, lambda: torch.ones(2) + torch.ones(3)))], shapes())


def test_no_memory_for_a_batch_of_pictures(pixel_model, shapes, monkeypatch):
    monkeypatch.setattr(Loading, "transfer_batch_to_device", lambda *_: too_large())
    with pytest.raises(UserError, match="a batch of pictures does not fit into memory; .*--data.batch_size"):
        evaluate([pixel_model("a")], shapes())
