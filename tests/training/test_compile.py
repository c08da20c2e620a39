import pytest
import pytorch_lightning as pl
import torch

from tests.training.test_classifier import QUIET, classifier, shapes


@pytest.fixture
def compilations(monkeypatch):
    """Graphs compiled so far; traced as the real compiler does it, but run by PyTorch, which takes no minute."""
    found, compile_ = [], torch.compile

    def backend(graph, example):
        found.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", lambda what, **options: compile_(what, backend=backend, **options))
    yield found
    torch.compiler.reset()


def trained(resume=None, epochs=1, **options):
    module = classifier(invariance_images=4, mitigations=["blurpool"], **options)
    trainer = pl.Trainer(max_epochs=epochs, limit_train_batches=2, log_every_n_steps=1, **QUIET)
    trainer.fit(module, shapes(), ckpt_path=resume, weights_only=None if resume is None else True)
    trainer.save_checkpoint("last.ckpt")
    return module, torch.load("last.ckpt", weights_only=True)


def test_a_compiled_training_is_the_plain_one(compilations, in_folder):
    module, plain = trained()
    assert not compilations
    compiled_module, compiled = trained(compile=True)
    assert compilations
    first = len(compilations)
    assert list(plain["state_dict"]) == list(compiled["state_dict"])
    for name, value in plain["state_dict"].items():
        torch.testing.assert_close(compiled["state_dict"][name], value, rtol=1e-4, atol=1e-5, msg=name)
    _, resumed = trained("last.ckpt", epochs=2)  # without compiling
    assert resumed["global_step"] == 4
    images = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(compiled_module.eval()(images), module.eval()(images), rtol=1e-3, atol=1e-4)
    assert len(compilations) == first  # validation is not compiled
