import json
import random

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import EMAWeightAveraging
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import IterableDataset

from lit_invariance.data.datamodule import InvarianceData
from lit_invariance.errors import UserError
from lit_invariance.protocols import Circular, Crop, EmbedBlack, ShiftGrid
from lit_invariance.training.invariance_callback import InvarianceCallback
from tests.forks import forked_script
from tests.training.foreign import MEAN, QUIET, SIDE, STD, Foreign, Packed, by_hand, loader, pictures

SCALE = {"mean": MEAN, "std": STD}
EMBED = EmbedBlack(size=SIDE, mean=MEAN)


def measured(callback, module=None, batches=None, **options):
    """What a validation logs."""
    trainer = pl.Trainer(callbacks=[callback], **QUIET | options)
    (logged,) = trainer.validate(module or Foreign(), loader() if batches is None else batches, verbose=False)
    return logged


FORMS = {
    "pair": lambda image, label: (image, label),
    "more": lambda image, label: [image, label, "name"],
    "image": lambda image, label: {"label": label, "image": image},
    "huggingface": lambda image, label: {"pixel_values": image, "labels": label},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_are_those_of_a_loop_by_hand(form):
    module = Foreign()
    logged = measured(InvarianceCallback("embed_black", **SCALE), module, loader(Packed(FORMS[form])))
    expected = by_hand(module, EMBED, range(23), "val/embed_black/")
    assert logged == pytest.approx(expected, abs=1e-5, nan_ok=True)
    assert expected["val/embed_black/top1_change"] > 0
    assert expected["val/embed_black/mean_absolute_change"] > 0


def test_several_protocols_with_options_and_many_views():
    module = Foreign()
    grid, circular = ShiftGrid(size=SIDE, mean=MEAN), Circular(size=SIDE, mean=MEAN, m=2)
    callback = InvarianceCallback(["shift_grid", {"circular": {"m": 2}}], 9, **SCALE)
    positions = [number * 23 // 9 for number in range(9)]
    expected = by_hand(module, grid, positions, "val/shift_grid/") | by_hand(
        module, circular, positions, "val/circular/"
    )
    assert measured(callback, module) == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_an_object_that_holds_logits():
    callback = InvarianceCallback(EMBED, **SCALE)
    assert measured(callback, Foreign(wrapped=True)) == measured(callback, Foreign())


def test_bytes_go_to_the_module_as_bytes():
    module = Foreign()
    logged = measured(InvarianceCallback("circular"), module, loader(Packed(prepare=lambda images: images)))
    assert {images.dtype for images in module.seen} == {torch.uint8}
    expected = by_hand(module, Circular(size=SIDE), range(23), "val/circular/")  # rolls keep every byte
    assert logged == pytest.approx(expected, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_the_trainer_s_precision(precision):
    module = Foreign()
    logged = measured(InvarianceCallback(EMBED, **SCALE), module, precision=precision)
    kinds = {"bf16-mixed": torch.float32, "bf16-true": torch.bfloat16, "64-true": torch.float64}
    assert {images.dtype for images in module.seen} == {kinds[precision]}
    exact = by_hand(Foreign(), EMBED, range(23), "val/embed_black/")["val/embed_black/mean_absolute_change"]
    change = logged["val/embed_black/mean_absolute_change"]
    assert change == pytest.approx(exact, abs=1e-6 if precision == "64-true" else 0.02)
    assert (change == pytest.approx(exact, abs=1e-6)) == (precision == "64-true")  # autocast was on


@pytest.mark.parametrize("kind", ["bytes", "pillow", "folder", "InvarianceData"])
def test_source_pictures_in_place_of_the_batches(kind, tmp_path):
    generator = torch.Generator().manual_seed(1)
    sources = torch.randint(0, 256, (7, 3, 20, 24), dtype=torch.uint8, generator=generator)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    drawn = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in sources]
    for number, (image, label) in enumerate(zip(drawn, labels.tolist(), strict=True)):
        (tmp_path / f"class{label}").mkdir(exist_ok=True)
        image.save(tmp_path / f"class{label}" / f"{number}.png")
    folder = InvarianceData("image_folder", root=str(tmp_path), val_fraction=1.0, image_size=SIDE, num_workers=0)
    data = {
        "bytes": [(image, int(label)) for image, label in zip(sources, labels, strict=True)],
        "pillow": [(image, int(label)) for image, label in zip(drawn, labels, strict=True)],
        "folder": tmp_path,
        "InvarianceData": folder,
    }[kind]
    module, protocol = Foreign(), Crop(size=SIDE, mean=MEAN, area=(0.3, 0.5))
    callback = InvarianceCallback({"crop": {"area": [0.3, 0.5]}}, 5, data=data, **SCALE)
    expected = by_hand(module, protocol, [0, 1, 2, 4, 5], "val/crop/", sources, labels)
    assert measured(callback, module) == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_decoded_batches_of_this_project():
    data = InvarianceData(
        "shapes", image_size=SIDE, batch_size=4, shapes={"train_images": 8, "val_images": 10}, num_workers=0
    )
    callback = InvarianceCallback({"crop": {"size": SIDE}}, 6, **SCALE)
    logged = measured(callback, module := Foreign(), data)
    sources = [data.validation_images()[position] for position in range(10)]
    images, labels = [image for image, _, _ in sources], torch.tensor([label for _, label, _ in sources])
    positions = [number * 10 // 6 for number in range(6)]
    expected = by_hand(module, Crop(size=SIDE, mean=MEAN), positions, "val/crop/", images, labels)
    assert logged == pytest.approx(expected, abs=1e-5, nan_ok=True)


def curves(folder):
    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_curves_of_a_training(tmp_path):
    """Validations after 6 steps each: all of them, every second epoch; none in the sanity check."""
    callbacks = [
        InvarianceCallback(EMBED, 9, prefix="all/", **SCALE),
        InvarianceCallback(EMBED, 9, every_n_epochs=2, prefix="some/", **SCALE),
    ]
    module, logger = Foreign(), TensorBoardLogger(tmp_path, name="", version="")
    trainer = pl.Trainer(max_epochs=4, callbacks=callbacks, **QUIET | {"logger": logger})
    trainer.fit(module, loader(), loader())
    read = curves(tmp_path)
    assert [step for step, _ in read["all/top1_change"]] == [5, 11, 17, 23]
    assert [step for step, _ in read["some/top1_change"]] == [5, 17]
    assert dict(read["some/agreement"]).items() <= dict(read["all/agreement"]).items()
    positions = [number * 23 // 9 for number in range(9)]
    last = {tag: values[-1][1] for tag, values in read.items() if tag.startswith("all/")}
    assert last == pytest.approx(by_hand(module, EMBED, positions, "all/"), abs=1e-5, nan_ok=True)


def test_an_epoch_with_several_validations_measures_at_all_or_none(tmp_path):
    callback = InvarianceCallback(EMBED, 3, every_n_epochs=2, prefix="some/", **SCALE)
    logger = TensorBoardLogger(tmp_path, name="", version="")
    options = {"max_epochs": 3, "val_check_interval": 0.5, "callbacks": [callback]}
    pl.Trainer(**options, **QUIET | {"logger": logger}).fit(Foreign(), loader(), loader())
    assert [step for step, _ in curves(tmp_path)["some/top1_change"]] == [2, 5, 14, 17]


class Careless(Foreign):
    """Validates in training mode, and draws in its forward pass."""

    def on_validation_model_eval(self):
        self.train()
        self.net[0].eval()

    def forward(self, images):
        np.random.rand()
        random.random()
        return super().forward(images + 0 * torch.rand(1))


def test_weights_modes_and_random_generators_are_left_alone():
    found = []
    for callbacks in ([], [InvarianceCallback("embed_black", data=[(pictures()[0][0], 0)], **SCALE)]):
        for more in ([], [InvarianceCallback(EMBED, **SCALE)]):
            pl.seed_everything(3, verbose=False)
            module = Careless()
            pl.Trainer(max_epochs=2, callbacks=[*callbacks, *more], **QUIET).fit(module, loader(shuffle=True), loader())
            modes = [layer.training for layer in module.modules()]
            states = torch.get_rng_state(), torch.tensor(np.random.get_state()[1].astype(np.int64))
            found.append((modes, random.getstate(), [*module.state_dict().values(), *states]))
    for modes, state, tensors in found[1:]:
        assert modes == found[0][0]
        assert state == found[0][1]
        assert all(torch.equal(one, other) for one, other in zip(tensors, found[0][2], strict=True))


def test_a_layer_in_training_mode_is_evaluated_and_put_back():
    modes = []

    class Watch(pl.Callback):
        def on_validation_end(self, trainer, pl_module):
            modes.append([layer.training for layer in pl_module.net])

    module = Careless()
    trainer = pl.Trainer(callbacks=[InvarianceCallback(EMBED, **SCALE), Watch()], **QUIET)
    (logged,) = trainer.validate(module, loader(), verbose=False)
    assert modes == [[False, True, True, True]]
    assert logged == pytest.approx(by_hand(module, EMBED, range(23), "val/embed_black/"), abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("data", [None, [(image, int(label)) for image, label in zip(*pictures(), strict=True)]])
@pytest.mark.parametrize("last", [False, True])
def test_averaged_weights_are_what_is_measured(data, last):
    """Lightning's callback puts the average in at the validation's start and takes it out at its end."""
    module, average = Foreign(), EMAWeightAveraging(decay=0.9)
    watch = InvarianceCallback(EMBED, data=data, prefix="", **SCALE)
    trainer = pl.Trainer(max_epochs=1, callbacks=[average, watch] if last else [watch, average], **QUIET)
    trainer.fit(module, loader(), loader())
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert logged == pytest.approx(by_hand(module, EMBED, range(23), ""), abs=1e-5, nan_ok=True)


def test_pictures_that_are_not_normalised_are_told_before_the_first_step():
    module = Foreign()
    trainer = pl.Trainer(max_epochs=1, callbacks=[InvarianceCallback(EMBED, **SCALE)], **QUIET)
    bare = loader(Packed(prepare=lambda images: images / 255))
    with pytest.raises(UserError, match=r"as they come have values from 0.00 to 1.00, so they are not normalised"):
        trainer.fit(module, bare, bare)
    assert module.steps == 0
    logged = measured(InvarianceCallback(EMBED, mean=(0, 0, 0), std=(1, 1, 1)), batches=bare)
    assert logged["val/embed_black/agreement"] <= 1


def test_a_wrong_normalisation_is_one_sentence():
    with pytest.raises(UserError, match=r"with mean \(0.5, 0.5, 0.5\) .* have values from -.* instead of 0 to 1; give"):
        measured(InvarianceCallback(EMBED, mean=(0.5, 0.5, 0.5), std=(0.9, 0.9, 0.9)))


def test_logits_that_are_not_finite_are_one_sentence():
    module = Foreign()
    torch.nn.init.constant_(module.net[3].bias, torch.inf)
    with pytest.raises(UserError, match="logits on the views of embed_black are not finite"):
        measured(InvarianceCallback(EMBED, **SCALE), module)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Packed())


class Batches:
    """No loader of torch's."""

    def __iter__(self):
        return iter(loader())


@pytest.mark.parametrize(
    ("batches", "wanted", "positions"),
    [
        (lambda: loader(Stream()), 5, [0, 1, 2, 3, 4]),
        (Batches, 5, [0, 1, 2, 3, 4]),
        (lambda: [loader(), loader(Packed(count=8))], 2, [0, 11]),
        (lambda: loader(drop_last=True), 2, [0, 10]),
    ],
    ids=["a stream", "batches", "two loaders", "without the last"],
)
def test_other_loaders(batches, wanted, positions):
    module = Foreign()
    module.validation_step = lambda batch, batch_idx, dataloader_idx=0: None
    trainer = pl.Trainer(callbacks=[InvarianceCallback(EMBED, wanted, prefix="", **SCALE)], **QUIET)
    logged = trainer.validate(module, batches(), verbose=False)[0]
    assert logged == pytest.approx(by_hand(module, EMBED, positions, ""), abs=1e-5, nan_ok=True)


def test_another_set_after_the_training():
    """The pictures are those of the loader at hand, not of the training before."""
    module, callback = Foreign(), InvarianceCallback(EMBED, 3, prefix="", **SCALE)
    trainer = pl.Trainer(max_epochs=1, callbacks=[callback], **QUIET)
    trainer.fit(module, loader(), loader())
    (logged,) = trainer.validate(module, loader(Packed(count=9), shuffle=False), verbose=False)
    assert logged == pytest.approx(by_hand(module, EMBED, [0, 3, 6], "", *pictures(9)), abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocols": "embed_blak"}, "unknown protocol 'embed_blak'; did you mean embed_black"),
        ({"protocols": {"crop": {"areas": 1}}}, "unknown option of protocol crop 'areas'; did you mean area"),
        ({"protocols": EMBED, "images": 0}, "images must be a whole number of at least 1, not 0"),
        ({"protocols": EMBED, "every_n_epochs": 0}, "every_n_epochs must be a whole number of at least 1, not 0"),
        ({"protocols": EMBED, "std": (0, 1, 1)}, "std must be above 0"),
        ({"protocols": EMBED, "mean": 0.5, "std": 0.25}, "mean 0.5 and std 0.25 must have one value for each channel"),
        ({"protocols": []}, "there is no protocol to measure; known are .*embed_black"),
        ({"protocols": None}, "there is no protocol to measure"),
        ({"protocols": ["crop", {"crop": {}}]}, "two protocols would log as val/crop/"),
        ({"protocols": ["crop", "circular"], "prefix": "val/"}, "two protocols would log as val/"),
        ({"protocols": EMBED, "data": "nowhere"}, "nowhere"),
        ({"protocols": EMBED, "data": iter([])}, "not a data set with a length"),
    ],
)
def test_wrong_options_are_one_sentence(options, message):
    with pytest.raises(UserError, match=message):
        InvarianceCallback(**options)


def test_a_protocol_of_one_view_and_one_that_is_not_defined_for_the_pictures():
    with pytest.raises(UserError, match="centre_crop shows one view only"):
        measured(InvarianceCallback("centre_crop", **SCALE))
    wide = Packed(prepare=lambda images: torch.zeros(len(images), 3, SIDE, SIDE + 2))
    with pytest.raises(UserError, match="released_script: it is not defined for inputs of 18 x 16 pixels"):
        measured(InvarianceCallback("released_script", **SCALE), batches=loader(wide))


SCRIPT = """
import json, sys, warnings
import pytorch_lightning as pl
import torch
from lit_invariance.errors import UserError
from lit_invariance.training.invariance_callback import InvarianceCallback
from tests.training.foreign import MEAN, QUIET, STD, Foreign, Packed, loader, pictures
from tests.training.test_invariance_callback import Stream

warnings.filterwarnings("ignore")

def main(devices):
    images, labels = pictures(7)
    data = [(image, int(label)) for image, label in zip(images, labels)]
    def callback(*arguments, **options):
        return InvarianceCallback({"embed_black": {"size": 16}}, *arguments, mean=MEAN, std=STD, **options)
    callbacks = [callback(prefix="whole/"), callback(8, prefix="some/"), callback(1, prefix="one/")]
    callbacks += [callback(5, prefix="source/", data=data), callback(1, prefix="single/", data=data)]
    def trainer(callbacks):
        strategy = "ddp" if devices > 1 else "auto"
        return pl.Trainer(devices=devices, strategy=strategy, callbacks=callbacks, **QUIET)
    # Lightning repeats a picture to fill the last batch of 23.
    (logged,) = (first := trainer(callbacks)).validate(Foreign(), loader(), verbose=False)
    told = {}
    for name, module, batches in (("stream", Foreign(), loader(Stream())), ("broken", Foreign(), loader())):
        if name == "broken" and first.global_rank == devices - 1:  # Lightning gives all the first one's weights
            module.on_validation_start = lambda: torch.nn.init.constant_(module.net[3].bias, torch.inf)
        try:
            trainer([callback()]).validate(module, batches, verbose=False)
        except (UserError, SystemExit) as error:
            told[name] = repr(error)
    with open(f"{sys.argv[1]}/{devices}_{first.global_rank}.json", "w") as file:
        json.dump({"logged": logged, "told": told}, file)

if __name__ == "__main__":
    main(int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def by_processes(tmp_path_factory):
    """What the script's first process found, run by one process and by two (gloo)."""
    folder, found = tmp_path_factory.mktemp("processes"), {}
    (folder / "script.py").write_text(SCRIPT)
    for devices in (1, 2):
        codes, _, printed = forked_script([str(folder / "script.py"), str(folder), str(devices)], ranks=devices)
        assert codes == [0] * devices, printed
        found[devices] = json.loads((folder / f"{devices}_0.json").read_text())
    found["second"] = json.loads((folder / "2_1.json").read_text())
    return found


def test_two_processes_log_what_one_computes(by_processes):
    module = Foreign()
    expected = {
        **by_hand(module, EMBED, range(23), "whole/"),
        **by_hand(module, EMBED, [number * 23 // 8 for number in range(8)], "some/"),
        **by_hand(module, EMBED, [0], "one/"),
        **by_hand(module, EMBED, [0, 1, 2, 4, 5], "source/"),
        **by_hand(module, EMBED, [0], "single/"),
    }
    assert by_processes[1]["logged"] == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert by_processes[2]["logged"] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_a_mistake_of_one_process_is_told_once(by_processes):
    """The second process alone has broken weights; both end, and the first says why."""
    assert "are not finite" in by_processes[2]["told"]["broken"]
    assert by_processes["second"]["told"]["broken"] == "SystemExit(2)"
    assert "which pictures a DataLoader shows to which process" in by_processes[2]["told"]["stream"]
    assert "stream" not in by_processes[1]["told"]
