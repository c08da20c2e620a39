"""A classifier and pictures as someone else would have them: nothing in them knows of this project."""

from types import SimpleNamespace

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics.functional import cohen_kappa

from lit_invariance.metrics import agreement, mean_absolute_change, top1_change
from lit_invariance.protocols import views_of

SIDE, CLASSES = 16, 5
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "log_every_n_steps": 1,
}


def pictures(count=23):
    """Pictures (count, 3, 16, 16) of type uint8 and labels (count,)."""
    generator = torch.Generator().manual_seed(4)
    images = torch.randint(0, 256, (23, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    return images[:count], torch.randint(0, CLASSES, (23,), generator=generator)[:count]


def normalised(images):
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (images / 255 - mean) / std


class Packed(Dataset):
    """The pictures, normalised, packed by a function of picture and label."""

    def __init__(self, pack=lambda image, label: (image, label), prepare=normalised, count=23):
        images, self.labels = pictures(count)
        self.images, self.pack = prepare(images), pack

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pack(self.images[index], self.labels[index])


def loader(dataset=None, **options):
    return DataLoader(Packed() if dataset is None else dataset, **{"batch_size": 4, **options})


class Foreign(pl.LightningModule):
    """A linear classifier with batch normalisation and dropout, trained on normalised pictures."""

    def __init__(self, wrapped=False):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(3 * SIDE**2, CLASSES))
        self.wrapped, self.steps, self.seen = wrapped, 0, []

    def forward(self, images):
        self.seen.append(images)
        logits = self.net(images if images.is_floating_point() else normalised(images))
        return SimpleNamespace(logits=logits) if self.wrapped else logits

    def training_step(self, batch, batch_idx):
        self.steps += 1
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)


def by_hand(module, protocol, positions, prefix, images=None, labels=None):
    """The scores of the pictures at these positions, in a loop of our own."""
    own, classes = pictures()
    images, labels = own if images is None else images, classes if labels is None else labels
    found = {"top1_change": [], "mean_absolute_change": [], "agreement": [], "first_view_accuracy": []}
    said = []
    module.eval()
    for position in positions:
        (views,) = views_of(protocol, [images[position]], torch.tensor([position]), 0)
        with torch.no_grad():
            logits = module.net(normalised(views * 255))[None]
        for function in (top1_change, mean_absolute_change, agreement):
            found[function.__name__].append(function(logits).item())
        found["first_view_accuracy"].append(float(logits[0, 0].argmax() == labels[position]))
        said.append(logits[0].argmax(-1))
    answers = torch.stack(said)
    kappa = cohen_kappa(answers[:, :-1].flatten(), answers[:, 1:].flatten(), "multiclass", num_classes=logits.shape[-1])
    means = {name: sum(values) / len(values) for name, values in found.items()}
    return {prefix + name: value for name, value in (means | {"error_consistency": kappa.item()}).items()}
