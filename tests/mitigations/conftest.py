"""A small network with the parameters kept in `parameters/`, small trainings, and how steady a network is."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.training.classifier import LitClassifier

QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "limit_val_batches": 0,
}


def make(**options):
    torch.manual_seed(0)
    settings = {"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32}
    return LitClassifier(**settings | {"optimizer": "adamw", "lr": 0.001, "lr_scaling": False} | options)


def shapes():
    sizes = {"train_images": 100, "val_images": 150, "bias": 0.9}
    return InvarianceData("shapes", image_size=32, batch_size=50, shapes=sizes, flip=False, num_workers=0)


def trained_for(epochs, resume=None, seen=lambda batch: None, **options):
    module = make(**options)
    watch = pl.callbacks.LambdaCallback(on_train_batch_start=lambda trainer, module, batch, number: seen(batch))
    trainer = pl.Trainer(max_epochs=epochs, log_every_n_steps=1, callbacks=[watch], **QUIET)
    trainer.fit(module, shapes(), ckpt_path=resume, weights_only=None if resume is None else True)
    return module


@pytest.fixture(scope="session")
def plain_weights():
    """The file of a plain network's parameters, which `parameters/train_plain.py` has made."""
    return str(Path(__file__).parent / "parameters" / "plain.safetensors")


@pytest.fixture(scope="session")
def descent(validation_shapes):
    """A function: a loss on fifty pictures before and after five steps against its gradient, of a tenth of the way."""
    images = validation_shapes[0][:50, :, 2:34, 2:34]

    def measure(module, loss):
        values = []
        for _ in range(6):
            torch.manual_seed(0)  # the same moves at every step
            value = loss(module.eval(), images, module(images))
            values.append(value.item())
            parameters = list(module.backbone.parameters())
            gradients = torch.autograd.grad(value, parameters)
            length = 0.1 * value.item() / sum(gradient.square().sum() for gradient in gradients)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= length * gradient
        return values[0], values[-1]

    return measure


@pytest.fixture(scope="session")
def steadiness(validation_shapes):
    """A function: a classifier's accuracy and top-1 change on three 32-px windows of each picture, 1 px apart."""
    pictures, truth = validation_shapes

    @torch.no_grad()
    def measure(module):
        module.eval()
        answers = torch.stack([module(pictures[:, :, at : at + 32, at : at + 32]).argmax(1) for at in (1, 2, 3)], 1)
        accuracy = (answers == truth[:, None]).double().mean().item()
        return accuracy, (answers[:, 1:] != answers[:, :-1]).double().mean().item()

    return measure


@pytest.fixture
def seen_by():
    """A function: the pixels that reach the network through an inference wrapper of a class."""

    def look(wrapper, images, **options):
        return wrapper(lambda chosen: chosen, **options)(images)

    return look


@pytest.fixture(scope="session")
def validation_shapes():
    """Pictures `(150, 3, 36, 36)`, uint8, and their labels."""
    data = shapes()
    data.setup("validate")
    images, labels, _ = zip(*data.val_dataloader().dataset, strict=True)
    return torch.stack(images), torch.tensor(labels)


@pytest.fixture
def make_classifier():
    return make


@pytest.fixture
def train_classifier():
    return trained_for
