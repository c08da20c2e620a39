"""Train the network whose parameters the tests of effects begin with: writes `plain.safetensors` beside this file.

    python tests/mitigations/parameters/train_plain.py

The outcome of a training is a property of the machine, so the tests read the file and never train it. It holds the
backbone `tiny_resnet` after eight epochs on 1000 pictures of `shapes` at 32 pixels, in half precision.
"""

from pathlib import Path

import pytorch_lightning as pl
from safetensors.torch import save_file

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.training.classifier import LitClassifier

FILE = Path(__file__).with_name("plain.safetensors")
EPOCHS = 8


def main() -> None:
    """Train and write."""
    pl.seed_everything(0)
    module = LitClassifier(
        "tiny_resnet",
        num_classes=10,
        image_size=32,
        optimizer="adamw",
        lr=0.008,
        lr_scaling=False,
        weight_decay=0.05,
        warmup_epochs=1,
        invariance_images=0,
    )
    sizes = {"train_images": 1000, "val_images": 300, "bias": 0.9}
    data = InvarianceData("shapes", image_size=32, batch_size=50, shapes=sizes, flip=False, num_workers=0)
    pl.Trainer(max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False).fit(module, data)
    state = {
        key: value.half() if value.is_floating_point() else value for key, value in module.backbone.state_dict().items()
    }
    save_file({key: value.contiguous() for key, value in state.items()}, FILE)
    print(f"{FILE}: {FILE.stat().st_size // 1000} kB, accuracy {module.trainer.callback_metrics['val/acc']:.3f}")


if __name__ == "__main__":
    main()
