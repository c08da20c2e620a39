import copy
import math

import pytest
import torch
import torch.nn.functional as F

from lit_invariance.errors import UserError
from lit_invariance.mitigations.losses.distillation import Distillation, divergence
from lit_invariance.mitigations.ops.crops import shifted
from lit_invariance.training.checkpoint import load_checkpoint


def test_divergence_by_hand():
    """T = 2, t = (3/4, 1/4), s = (1/2, 1/2): 4 (3/4 log(3/2) + 1/4 log(1/2))."""
    teacher, student = torch.tensor([[0.75, 0.25]]).log(), torch.zeros(1, 2)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert divergence(teacher, student, 2.0).item() == pytest.approx(expected, rel=1e-6)
    assert divergence(teacher, 2 * teacher, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_the_answer_is_the_mean_over_moved_views(make_classifier, plain_weights):
    module = make_classifier(weights=plain_weights, mitigations=[{"distillation": {"views": 3, "temperature": 2.0}}])
    (loss,) = module.mitigated.losses
    loss.prepare(module)
    images, logits, seen = torch.rand(5, 3, 32, 32), torch.randn(5, 10), []
    loss.teacher.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    value = loss(module, images, logits)
    with torch.no_grad():
        answer = torch.stack([(loss.teacher(view) / 2).softmax(1) for view in list(seen)]).mean(0)
    student = (logits / 2).log_softmax(1)
    expected = 4 * (answer * (answer.log() - student)).sum(1).mean()
    assert len(seen) == 6  # three of the loss, three of this test
    torch.testing.assert_close(value, expected)
    moves = [torch.tensor([down, right]) for down in range(-8, 9) for right in range(-8, 9)]
    candidates = torch.stack([module.normalise(shifted(images, move, "reflect")) for move in moves])
    for view in seen[:3]:
        assert (candidates == view).flatten(2).all(2).any(0).all()


def test_without_views_the_teacher_sees_the_picture_as_it_stands(make_classifier, plain_weights):
    module = make_classifier(weights=plain_weights, mitigations=[{"distillation": {"views": 0}}]).eval()
    (loss,) = module.mitigated.losses
    loss.prepare(module)
    images = torch.rand(5, 3, 32, 32)
    assert loss(module, images, module(images)).item() == pytest.approx(0, abs=1e-6)


def test_the_teacher_is_the_untouched_network_and_no_part_of_the_classifier(make_classifier, plain_weights):
    plain = make_classifier(weights=plain_weights).eval()
    module = make_classifier(weights=plain_weights, mitigations=["blurpool", "distillation"])
    keys, parameters = set(module.state_dict()), list(module.parameters())
    (loss,) = module.mitigated.losses
    loss.prepare(module)
    images = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(loss.teacher(module.normalise(images)), plain(images))
    module.train()
    assert set(module.state_dict()) == keys
    assert len(list(module.parameters())) == len(parameters)
    assert not any(layer.training for layer in loss.teacher.modules())
    assert not any(parameter.requires_grad for parameter in loss.teacher.parameters())


def test_a_training_that_goes_on_has_the_same_teacher(make_classifier, train_classifier, plain_weights, tmp_path):
    options = {"weights": plain_weights, "mitigations": ["blurpool", "distillation"]}
    path = tmp_path / "last.ckpt"
    train_classifier(1, **options).trainer.save_checkpoint(path)
    assert not any("teacher" in key for key in torch.load(path, weights_only=True)["state_dict"])
    resumed = train_classifier(2, resume=path, **options)
    plain = make_classifier(weights=plain_weights).backbone
    for key, value in resumed.mitigated.losses[0].teacher.state_dict().items():
        assert torch.equal(value, plain.state_dict()[key])
    assert not torch.equal(resumed.backbone.fc.weight, plain.fc.weight)


@pytest.mark.parametrize("label_weight", [0.0, 0.5])
def test_labels_count_only_where_asked(train_classifier, plain_weights, label_weight):
    """The loss that a training logs of its last batch; a learning rate of zero leaves the parameters alone."""
    mitigation = {"distillation": {"label_weight": label_weight, "views": 0, "weight": 3.0}}
    options = {"weights": plain_weights, "mitigations": ["blurpool", mitigation]}
    batches = []
    module = train_classifier(
        1, lr=0.0, freeze_batch_norm=True, seen=lambda batch: batches.append(copy.deepcopy(batch)), **options
    ).eval()
    images, labels = batches[-1]["image"], batches[-1]["label"]
    logits = module(images)
    (loss,) = module.mitigated.losses
    expected = label_weight * F.cross_entropy(logits, labels) + 3 * loss(module, images, logits)
    torch.testing.assert_close(module.trainer.callback_metrics["train/loss"], expected.detach())


def test_without_weights_there_is_no_teacher(make_classifier, plain_weights):
    module = make_classifier(mitigations=["distillation"])
    with pytest.raises(UserError, match="distillation needs a teacher: set model.weights"):
        module.mitigated.losses[0].prepare(module)
    module = make_classifier(mitigations=[{"distillation": {"teacher": plain_weights}}])
    module.mitigated.losses[0].prepare(module)


def test_a_teacher_of_other_classes_is_refused(make_classifier, plain_weights):
    module = make_classifier(weights=plain_weights, num_classes=7, mitigations=["distillation"])
    with pytest.raises(UserError, match=r"plain\.safetensors' do not have model\.num_classes 7"):
        module.mitigated.losses[0].prepare(module)


def test_a_checkpoint_is_evaluated_without_its_teacher(make_classifier, plain_weights, tmp_path):
    module = make_classifier(weights=plain_weights, mitigations=["blurpool", "distillation"]).eval()
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save(content, tmp_path / "best.ckpt")
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(load_checkpoint(tmp_path / "best.ckpt")(images), module(images))


def test_its_gradient_leads_a_changed_network_back_to_its_teacher(plain_weights, make_classifier, descent):
    module = make_classifier(weights=plain_weights, mitigations=["blurpool", {"distillation": {"shift": 1}}])
    (loss,) = module.mitigated.losses
    loss.prepare(module)
    before, after = descent(module, loss)
    assert after < 0.85 * before


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"temperature": 0}, "temperature is a number above 0"),
        ({"label_weight": -1}, "label_weight is a number from 0"),
        ({"views": -1}, "views must be a whole number of at least 0"),
    ],
)
def test_bad_options(options, part):
    with pytest.raises(ValueError, match=part):
        Distillation(**options)
