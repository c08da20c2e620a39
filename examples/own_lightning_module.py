"""Watch a LightningModule and a DataModule of your own while they train."""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lit_invariance as li


class Stripes(pl.LightningDataModule):
    """Horizontal, vertical and diagonal stripes in noise, 48 x 48 pixels, normalised with mean .5 and std .25."""

    def loader(self, count: int) -> DataLoader:
        labels, rows = torch.arange(count) % 3, torch.arange(48.0)
        slopes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]])[labels][..., None, None]
        waves = torch.sin(slopes[:, :1] * rows[:, None] + slopes[:, 1:] * rows)
        pictures = 0.35 + 0.3 * torch.rand(count, 3, 48, 48) + 0.3 * (waves > 0)
        return DataLoader(TensorDataset((pictures - 0.5) / 0.25, labels), batch_size=32)

    def train_dataloader(self) -> DataLoader:
        return self.loader(256)

    def val_dataloader(self) -> DataLoader:
        return self.loader(64)


class Classifier(pl.LightningModule):
    """A small convolutional network that knows nothing of this project."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 16, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 11**2, 3))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.network(pictures)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.log("val/acc", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), 0.003)


if __name__ == "__main__":
    watch = li.InvarianceCallback(["embed_black", "circular"], images=50, mean=(0.5,) * 3, std=(0.25,) * 3)
    trainer = pl.Trainer(max_epochs=3, callbacks=[watch], accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(Classifier(), datamodule=Stripes())
    for name, value in sorted(trainer.callback_metrics.items()):
        print(f"{name:40} {value:.3f}")
