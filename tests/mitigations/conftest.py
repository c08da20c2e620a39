"""A small network trained on `shapes` (32 px, 600 pictures, seed 0), and how steady it is."""

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
    settings = {"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32, "optimizer": "adamw", "lr": 0.001}
    return LitClassifier(**settings | options)


def shapes():
    sizes = {"train_images": 600, "val_images": 300, "bias": 0.9}
    return InvarianceData("shapes", image_size=32, batch_size=50, shapes=sizes, flip=False, num_workers=0)


def trained_for(epochs, resume=None, **options):
    module = make(**options)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # another number rounds otherwise, and a small network ends elsewhere
    trainer = pl.Trainer(max_epochs=epochs, log_every_n_steps=1, **QUIET)
    trainer.fit(module, shapes(), ckpt_path=resume, weights_only=None if resume is None else True)
    torch.set_num_threads(threads)
    return module


@pytest.fixture(scope="session")
def plain_weights(tmp_path_factory):
    """The file of a plain network's parameters after six epochs."""
    path = tmp_path_factory.mktemp("plain") / "plain.pth"
    torch.save(trained_for(6, lr=0.008, weight_decay=0.05, warmup_epochs=1).backbone.state_dict(), path)
    return str(path)


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
    """Pictures `(300, 3, 36, 36)`, uint8, and their labels."""
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
