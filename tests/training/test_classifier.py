import logging
import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import nn

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.metrics import SCORES
from lit_invariance.protocols import Crop, generator_for
from lit_invariance.training.classifier import LitClassifier
from lit_invariance.training.invariance_callback import InvarianceCallback

CROP = {"crop": {"area": [0.79, 0.79]}}
AS_DECODED = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def classifier(**options):
    torch.manual_seed(0)
    settings = {"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32, "lr_scaling": False}
    return LitClassifier(**settings | {"invariance_protocol": CROP} | options)


def shapes(**options):
    sizes = {"train_images": 40, "val_images": 30}
    return InvarianceData("shapes", image_size=32, batch_size=8, val_batch_size=7, shapes=sizes, flip=False, **options)


def test_normalises_inside():
    module = classifier().eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = module.backbone((images / 255 - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(module(images), expected)
    torch.testing.assert_close(module(images / 255), expected)


def test_the_network_is_channels_last():
    module = classifier()
    assert module.backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    seen = []
    module.backbone.conv1.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    module(torch.rand(2, 3, 32, 32))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("wanted", [30, 12])
def test_validation_logs_what_a_plain_loop_computes(wanted):
    module, data = classifier(invariance_images=wanted), shapes()
    trainer = pl.Trainer(**QUIET)
    (logged,) = trainer.validate(module, data, verbose=False)

    data.setup("validate")
    module.eval()
    protocol, stacks, labels, hits, losses = Crop(size=32, area=(0.79, 0.79)), [], [], [], []
    for position in range(30):
        image, label = data.val_dataloader().dataset.source[position]
        with torch.no_grad():
            logits = module(image[:, 2:34, 2:34][None])  # the centre 32 px of 36
            hits.append(logits.argmax().item() == label)
            losses.append(nn.functional.cross_entropy(logits, torch.tensor([label])).item())
            if position in {number * 30 // wanted for number in range(wanted)}:
                stacks.append(module(protocol(image, generator_for(0, "crop", position))))
                labels.append(label)
    assert logged["val/acc"] == pytest.approx(sum(hits) / 30, abs=1e-6)
    assert logged["val/loss"] == pytest.approx(sum(losses) / 30, rel=1e-4)
    assert len(stacks) == wanted
    for name in ("top1_change", "mean_absolute_change", "agreement"):
        expected = SCORES[name].function(torch.stack(stacks), torch.tensor(labels)).mean().item()
        assert logged[f"val/{name}"] == pytest.approx(expected, abs=1e-5), name


def test_no_invariance_images_measures_accuracy_only():
    (logged,) = pl.Trainer(**QUIET).validate(classifier(invariance_images=0), shapes(), verbose=False)
    assert set(logged) == {"val/acc", "val/loss"}


def test_training_learns_and_follows_the_schedule():
    module = classifier(lr=0.05, backbone_lr=0.02, warmup_epochs=1, label_smoothing=0.1, invariance_images=4)
    rates = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            rates.append({group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups})

    trainer = pl.Trainer(max_epochs=3, callbacks=[Watch()], num_sanity_val_steps=0, log_every_n_steps=1, **QUIET)
    before = module.backbone.fc.weight.clone()
    trainer.fit(module, shapes())
    assert not torch.equal(before, module.backbone.fc.weight)
    assert len(rates) == 15
    head = [rate["head"] for rate in rates]
    assert head[:5] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    assert head[-1] == pytest.approx(0.05 * 0.5 * (1 + math.cos(math.pi * 9 / 10)))
    assert all(rate["backbone"] == pytest.approx(rate["head"] * 0.4) for rate in rates)


def test_lightning_s_own_moving_average_of_the_weights():
    """`--trainer.callbacks+=EMAWeightAveraging` must leave the average, not the last step, in the module."""
    module, steps = classifier(invariance_images=4), []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            steps.append(pl_module.backbone.fc.weight.detach().clone())

    average = EMAWeightAveraging(decay=0.5)
    pl.Trainer(max_epochs=1, callbacks=[Watch(), average], log_every_n_steps=1, **QUIET).fit(module, shapes())
    expected = steps[0]
    for step in steps[1:]:
        expected = 0.5 * expected + 0.5 * step
    torch.testing.assert_close(module.backbone.fc.weight.detach(), expected)


def test_classes_that_disagree_with_the_data():
    with pytest.raises(UserError, match="set --model.num_classes 10"):
        pl.Trainer(**QUIET).validate(classifier(num_classes=12), shapes(), verbose=False)


def test_losses_have_curves_of_their_own():
    module = classifier(mitigations=["consistency"], invariance_images=0)
    trainer = pl.Trainer(max_epochs=1, num_sanity_val_steps=0, log_every_n_steps=1, **QUIET)
    trainer.fit(module, shapes())
    logged = trainer.callback_metrics
    assert logged["train/consistency"] > 0
    assert logged["train/loss"] > logged["train/consistency"]


def test_statistics_are_measured_once_and_not_when_a_training_goes_on(in_folder, capsys):
    options = {"reestimate_batch_norm": 9, "invariance_images": 0, "lr": 0.0, "freeze_batch_norm": True}
    first = pl.Trainer(max_epochs=1, **QUIET)
    first.fit(module := classifier(**options), shapes())
    counts = module.backbone.bn1.num_batches_tracked.item()
    assert counts == 2  # whole batches of 8
    first.save_checkpoint("last.ckpt")
    again = classifier(**options | {"reestimate_batch_norm": 30})
    pl.Trainer(max_epochs=2, **QUIET).fit(again, shapes(), ckpt_path="last.ckpt", weights_only=True)
    assert again.backbone.bn1.num_batches_tracked.item() == counts
    assert torch.equal(again.backbone.bn1.running_mean, module.backbone.bn1.running_mean)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sgdd"}, "unknown optimizer 'sgdd'; did you mean sgd"),
        ({"invariance_protocol": "embed_blak"}, "unknown protocol 'embed_blak'; did you mean embed_black"),
        ({"invariance_protocol": "centre_crop"}, "shows one view only"),
        ({"invariance_protocol": "object_scale"}, "object_scale needs the boxes of the objects"),
        ({"invariance_protocol": "preprocessing"}, "preprocessing compares every view with the first one"),
        ({"invariance_protocol": {"crop": {"areas": 1}}}, "unknown option of protocol crop 'areas'; did you mean area"),
        ({"mitigations": ["blurpol"]}, "unknown mitigation 'blurpol'; did you mean blurpool"),
        ({"mitigations": [{"blurpool": {"taps": 9}}]}, "taps"),
        ({"reestimate_batch_norm": -1}, "model.reestimate_batch_norm is -1; it is a number from 0 on"),
        ({"label_smoothing": 3}, "model.label_smoothing is 3; it is a number from 0 to 0.9999"),
        ({"momentum": 2}, "model.momentum is 2"),
        ({"lr": -1}, "model.lr is -1"),
    ],
)
def test_wrong_options_are_one_sentence(options, message):
    with pytest.raises(UserError, match=message):
        classifier(**options)


def test_an_image_too_small_for_the_protocol_is_one_sentence(tmp_path):
    for number, side in enumerate((40, 40, 1)):
        (tmp_path / "class").mkdir(exist_ok=True)
        Image.new("RGB", (side, side)).save(tmp_path / "class" / f"{number}.png")
    data = InvarianceData("image_folder", root=str(tmp_path), val_fraction=1.0, image_size=32, num_workers=0)
    with pytest.raises(UserError, match=r"validation image 2 \(.*2.png\): .*1 x 1"):
        pl.Trainer(**QUIET).validate(classifier(num_classes=1), data, verbose=False)


def trained(trainer_options, steps=None, **options):
    """Train a small classifier, for so many steps; returns trainer, module and the learning rate of every step."""
    module, rates = classifier(**{"invariance_images": 4, "lr": 0.05} | options), []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])
            trainer.should_stop = len(rates) == steps

    settings = {"max_epochs": 1, "num_sanity_val_steps": 0, "log_every_n_steps": 1, **QUIET, **trainer_options}
    trainer = pl.Trainer(callbacks=[Watch()], **settings)
    trainer.fit(module, shapes())
    return trainer, module, rates


@pytest.mark.parametrize("epochs", [-1, None, 9])
def test_a_training_limited_in_steps_warms_up_for_epochs(epochs):
    """An epoch has five batches, so that 1.2 epochs of warm-up are 6 steps, whatever ends the training."""
    trainer, _, rates = trained({"max_epochs": epochs, "max_steps": 8}, warmup_epochs=1.2)
    assert trainer.global_step == 8
    expected = [0.05 * (step + 1) / 6 for step in range(6)] + [0.05, 0.05 * 0.5 * (1 + math.cos(math.pi / 2))]
    assert rates == pytest.approx(expected)


def test_a_training_without_end_keeps_its_rate_after_the_warm_up():
    _, _, rates = trained({"max_epochs": -1}, steps=7, warmup_epochs=0.6)
    assert rates == pytest.approx([0.05 / 3, 0.1 / 3, *[0.05] * 5])


def test_the_warm_up_counts_optimiser_steps():
    """Five batches, two to a step: three steps an epoch."""
    _, _, rates = trained({"max_epochs": 3, "accumulate_grad_batches": 2}, warmup_epochs=1)
    assert rates[::5] == pytest.approx([0.05 / 3, 0.05, 0.05 * 0.5 * (1 + math.cos(math.pi / 2))])


@pytest.mark.parametrize("mitigations", [[], ["consistency", {"distillation": {"teacher": "teacher.pth"}}]])
def test_bf16_true_trains_and_measures(mitigations, in_folder):
    torch.save(classifier().backbone.state_dict(), "teacher.pth")
    trainer, module, _ = trained({"precision": "bf16-true"}, mitigations=mitigations, reestimate_batch_norm=8)
    assert module.backbone.conv1.weight.dtype == torch.bfloat16
    assert 0 <= trainer.callback_metrics["val/mean_absolute_change"] <= 1
    assert trainer.callback_metrics["train/loss"].dtype == torch.float32


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-true", torch.bfloat16), ("16-true", torch.float16)])
def test_validation_in_half_precision_is_that_of_the_halved_network(precision, dtype):
    module, data = classifier(invariance_images=0), shapes()
    (logged,) = pl.Trainer(precision=precision, **QUIET).validate(module, data, verbose=False)
    assert module.backbone.conv1.weight.dtype == dtype
    half, losses = classifier().to(dtype).eval(), []
    for image, label, _ in data.validation_images():
        with torch.no_grad():
            logits = half(image[:, 2:34, 2:34][None]).float()
        losses.append(nn.functional.cross_entropy(logits, torch.tensor([label])).item())
    assert len(losses) == 30
    assert logged["val/loss"] == pytest.approx(sum(losses) / 30, rel=1e-3)


def test_normalising_is_done_in_full_precision():
    module = classifier().to(torch.bfloat16)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    expected = ((images / 255 - module._mean.float()) / module._std.float()).to(torch.bfloat16)
    assert torch.equal(module.normalise(images), expected)


def break_network(module):
    with torch.no_grad():
        module.backbone.conv1.weight[0, 0, 0, 0] = torch.nan


def test_logits_that_are_not_finite_are_refused_and_never_best(in_folder):
    class Break(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.current_epoch == 1:
                break_network(pl_module)

    best = ModelCheckpoint("kept", monitor="val/acc", mode="max", save_top_k=-1)
    settings = {**QUIET, "enable_checkpointing": True}
    trainer = pl.Trainer(max_epochs=4, callbacks=[Break(), best], log_every_n_steps=1, **settings)
    with pytest.raises(UserError, match=r"not finite in the validation of epoch 2: .* lower model.lr \(now 0.01\)"):
        trainer.fit(classifier(), shapes())
    assert len(list(Path("kept").iterdir())) == 1
    assert "epoch=0" in best.best_model_path


def test_broken_weights_are_told_before_the_first_step():
    module = classifier()
    break_network(module)
    with pytest.raises(UserError, match="not finite before the first step"):
        pl.Trainer(max_epochs=1, log_every_n_steps=1, **QUIET).fit(module, shapes())


def test_a_limited_validation_measures_images_that_it_shows():
    """Two batches of seven: positions 0 to 13, of which four are measured at even distances."""
    module = classifier(invariance_images=4)
    (logged,) = pl.Trainer(limit_val_batches=2, **QUIET).validate(module, data := shapes(), verbose=False)
    data.setup("validate")
    stacks, labels = [], []
    for position in (0, 3, 7, 10):
        image, label = data.validation_images().source[position]
        with torch.no_grad():
            stacks.append(module.eval()(module.protocol(image, generator_for(0, "crop", position))))
        labels.append(label)
    for name in ("top1_change", "mean_absolute_change", "agreement"):
        expected = SCORES[name].function(torch.stack(stacks), torch.tensor(labels)).mean().item()
        assert logged[f"val/{name}"] == pytest.approx(expected, abs=1e-5), name


def test_a_callback_of_the_user_s_measures_beside_the_module_s():
    trainer = pl.Trainer(callbacks=[InvarianceCallback({"embed_black": {"size": 32}}, 5, **AS_DECODED)], **QUIET)
    module = classifier(invariance_images=5)
    (logged,) = trainer.validate(module, shapes(), verbose=False)
    assert {"val/top1_change", "val/embed_black/top1_change"} <= set(logged)
    (again,) = trainer.validate(module, shapes(), verbose=False)
    assert again == pytest.approx(logged, rel=0, nan_ok=True)
    other = classifier(invariance_images=6, invariance_protocol={"embed_black": {"min_side": 12}})
    (third,) = trainer.validate(other, shapes(), verbose=False)
    assert set(third) == set(logged)
    assert sum(isinstance(callback, InvarianceCallback) for callback in trainer.callbacks) == 2


def test_a_new_head_is_told_where_a_training_begins(tmp_path, caplog):
    seven = classifier(num_classes=7).backbone.state_dict()
    torch.save(seven, tmp_path / "seven.pth")
    torch.save({name: value for name, value in seven.items() if not name.startswith("fc.")}, tmp_path / "none.pth")
    told = "tiny_resnet: its weights are of 7 classes; fc is new, with 10 outputs."

    def said(file, num_classes=10, **options):
        caplog.clear()
        module = classifier(weights=str(tmp_path / file), num_classes=num_classes, **options)
        assert "new" not in caplog.text  # of an evaluation, which refuses it
        pl.Trainer(max_steps=1, limit_val_batches=0, **QUIET).fit(module, shapes())
        return caplog.text

    with caplog.at_level(logging.INFO, logger="pytorch_lightning"):
        assert told in said("seven.pth")
        assert "tiny_resnet: its weights hold no classification layer; fc is new, with 10 outputs." in said("none.pth")
        torch.save(classifier().backbone.state_dict(), tmp_path / "ten.pth")
        assert "is new" not in said("ten.pth")
