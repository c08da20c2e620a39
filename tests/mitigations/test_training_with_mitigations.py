import pytest
import pytorch_lightning as pl
import torch

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.training.checkpoint import load_checkpoint
from lit_invariance.training.classifier import LitClassifier

MITIGATIONS = {
    "adaptive_blur": ["adaptive_blur"],
    "ideal_lowpass": ["ideal_lowpass", "circular_padding"],
    "polyphase": ["polyphase", "circular_padding"],
    "learned_polyphase": [{"polyphase": {"learned": True}}, "circular_padding"],
    "circular_padding": ["circular_padding"],
    "reflect_padding": ["reflect_padding", "blurpool"],
}


@pytest.mark.parametrize("name", MITIGATIONS)
def test_a_step_is_trained_and_the_checkpoint_read_back(name, tmp_path):
    torch.manual_seed(0)
    data = InvarianceData(
        "shapes", image_size=32, batch_size=8, shapes={"train_images": 8, "val_images": 4}, flip=False
    )
    module = LitClassifier(
        "tiny_resnet", num_classes=10, image_size=32, mitigations=MITIGATIONS[name], invariance_images=0
    )
    before = {key: value.detach().clone() for key, value in module.named_parameters()}
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    trainer.fit(module, data)
    unmoved = [key for key, value in module.named_parameters() if torch.equal(value, before[key])]
    assert not unmoved
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(load_checkpoint(tmp_path / "a.ckpt")(images), module.eval()(images))


@pytest.mark.parametrize("name", MITIGATIONS)
def test_plain_weights_are_the_start_of_every_network(name, tmp_path):
    plain = LitClassifier("tiny_resnet", num_classes=10)
    torch.save(plain.backbone.state_dict(), tmp_path / "plain.pth")
    module = LitClassifier(
        "tiny_resnet", weights=str(tmp_path / "plain.pth"), num_classes=10, mitigations=MITIGATIONS[name]
    )
    state = module.state_dict()
    assert all(torch.equal(state[key], value) for key, value in plain.state_dict().items())
