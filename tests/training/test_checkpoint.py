import pytest
import torch

from lit_invariance.errors import UserError
from lit_invariance.training.checkpoint import load_checkpoint, read_checkpoint
from lit_invariance.training.classifier import LitClassifier


def saved(path, **options):
    torch.manual_seed(0)
    module = LitClassifier(**{"backbone": "tiny_resnet", "num_classes": 10, "image_size": 32, **options})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    return module


@pytest.mark.parametrize("mitigations", [None, ["blurpool"], [{"blurpool": {"taps": 3}}]])
def test_gives_the_same_answers_as_the_module_that_was_saved(tmp_path, mitigations):
    module = saved(tmp_path / "a.ckpt", mitigations=mitigations).eval()
    images = torch.rand(2, 3, 32, 32)
    restored = load_checkpoint(tmp_path / "a.ckpt")
    assert not restored.training
    assert torch.equal(restored(images), module(images))


def test_the_weights_training_began_from_need_not_be_there(tmp_path):
    start = tmp_path / "start.pth"
    torch.save(LitClassifier("tiny_resnet", num_classes=10).backbone.state_dict(), start)
    saved(tmp_path / "a.ckpt", weights=str(start))
    start.unlink()
    assert load_checkpoint(tmp_path / "a.ckpt").hparams["weights"] is None


def test_plain_and_mitigated_checkpoints_fit_each_other(tmp_path):
    module = saved(tmp_path / "a.ckpt")
    mitigated = LitClassifier("tiny_resnet", num_classes=10, mitigations=["blurpool"])
    mitigated.load_state_dict(module.state_dict(), strict=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.zeros(1)}, "is no checkpoint of this project"),
        ([1], "is no checkpoint of this project"),
        (
            {"hyper_parameters": {"backbone": "tiny_resnet", "num_classes": 10}, "state_dict": {}},
            "do not fit tiny_resnet",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=message):
        load_checkpoint(tmp_path / "a.ckpt")


def test_a_checkpoint_that_is_cut_off(tmp_path):
    saved(tmp_path / "a.ckpt")
    whole = (tmp_path / "a.ckpt").read_bytes()
    (tmp_path / "a.ckpt").write_bytes(whole[:-1000])
    with pytest.raises(UserError, match="cannot be read as a PyTorch file"):
        read_checkpoint(tmp_path / "a.ckpt")
