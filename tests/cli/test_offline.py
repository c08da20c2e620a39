import socket

import pytest

from lit_invariance.cli.evaluate import evaluate
from lit_invariance.cli.train import train

SMALL = ["--data.shapes", "{train_images: 8, val_images: 6}", "--data.image_size", "16", "--data.batch_size", "4"]
SHORT = ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
SHORT += ["--trainer.log_every_n_steps", "1"]


@pytest.fixture
def no_network(monkeypatch):
    """Refuses names and connections; processes of this machine may talk to each other."""
    asked = []
    connect = socket.socket.connect

    def refuse(*arguments, **_):
        asked.append(arguments)
        raise OSError("no network")

    def connect_here(self, address):
        return connect(self, address) if self.family == socket.AF_UNIX else refuse(address)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_here)
    return asked


def test_the_quickstart_asks_nothing_of_the_network(in_folder, no_network):
    for config in ("shapes.yaml", "aug_shapes.yaml", "aa_shapes.yaml"):
        train(["--config", config, *SMALL, *SHORT])
    evaluate(["--accelerator", "cpu", "--progress", "false", "--protocols", "centre_crop", "embed_black"])
    assert (in_folder / "results" / "report.html").is_file()
    assert no_network == []


def test_the_block_is_one(no_network):
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("localhost", 80), timeout=1)
    assert no_network
