import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import lit_invariance as li
from lit_invariance.__main__ import main
from lit_invariance.cli.export import IMAGES as SAID
from lit_invariance.evaluation.results import write_results
from lit_invariance.models.exported.description import read_description
from lit_invariance.shipping.ship import IMAGES

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def small(classes=4):
    """Its weights are large enough for answers to differ from picture to picture."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, classes)
    )
    nn.init.normal_(network[-1].weight, std=3.0)
    return network.eval()


def normalised(pictures):
    return (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def ship(model, to, **options):
    given = {"preprocessing": (MEAN, STD), "image_size": 16, "max_images": 9, "progress": False}
    return li.export(model, to, **given | options)


def test_an_onnx_file_holds_the_wrapper_and_takes_any_number_of_pictures(in_folder):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    network = small()
    written = ship(li.ContentAlign(network, grid=4), "model.onnx")
    assert [(one.protocol, one.flips) for one in written.parity] == [("crop", 0), ("embed_black", 0)]
    assert all(one.views == 18 and one.worst < 1e-4 * one.scale for one in written.parity)
    session = onnxruntime.InferenceSession("model.onnx")
    aligned = li.ContentAlign(lambda pictures: network(normalised(pictures)), grid=4).eval()
    for count in (1, 5):
        pictures = torch.rand(count, 3, 16, 16)
        with torch.no_grad():
            expected = aligned(pictures)
        torch.testing.assert_close(torch.tensor(session.run(["logits"], {"images": pictures.numpy()})[0]), expected)
    assert session.get_inputs()[0].shape == ["batch", 3, 16, 16]
    about = read_description(session.get_modelmeta().custom_metadata_map["lit_invariance"], "model.onnx")
    assert (about.input, about.mean, about.std, about.size, about.classes) == ("pictures", MEAN, STD, 16, 4)
    for place in (str(Path(torch.__file__).parent), str(Path(li.__file__).parent)):
        assert place.encode() not in Path("model.onnx").read_bytes()  # whose machine it was is nobody's business


def test_a_program_with_the_normalisation_outside_takes_normalised_pictures(in_folder):
    network = small()
    written = ship(network, "model.pt2", normalisation="outside")
    assert sum(one.flips for one in written.parity) == 0
    program = torch.export.load("model.pt2").module()
    pictures = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(program(normalised(pictures)), network(normalised(pictures)))
    assert "normalised by you" in Path("model.pt2.md").read_text()
    assert str(Path(li.__file__).parent).encode() not in Path("model.pt2").read_bytes()


def test_weights_fit_the_plain_network_and_the_printed_lines_rebuild_the_fixed_one(in_folder, capsys):
    torch.manual_seed(1)
    main(
        [
            *["export", "fixed=torchvision/squeezenet1_1@none+blurpool+content_align", "--to", "model.safetensors"],
            *["--data.image_size", "64", "--max_images", "2", "--progress", "false"],
        ]
    )
    told = capsys.readouterr().out
    lines = [line.strip() for line in told.partition("use:\n")[2].partition("written:")[0].splitlines()]
    assert len(lines) == 4
    made = {}
    exec("\n".join(lines), made)
    from torchvision.models import squeezenet1_1

    plain = squeezenet1_1()
    plain.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=True)
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert not torch.allclose(plain.eval()(pictures), made["network"].eval()(pictures))
    assert re.search(r"every answer is the same as here", told)
    assert re.search(r"without blurpool, \d+ of 8 answers change, and logits differ by up to", told)
    assert "not in the file, because weights hold no code: content_align" in told


class Counting(nn.Module):
    def forward(self, images):
        return images.reshape(len(images), -1)[:, :4]


class Deciding(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :4] * (1 if images.sum() > 3 else 2)


@pytest.mark.parametrize(
    ("network", "to", "sentence"),
    [
        (Counting(), "x.pt2", "use x.shape\\[0\\] in it, and not len\\(x\\)"),
        (Deciding(), "x.pt2", "model cannot be traced by torch.export|cannot be traced by torch.export"),
        (
            li.TemporalAverage(small()),
            "x.pt2",
            "averages its answers over time .temporal_average., but an exported file",
        ),
        (small(), "x.tflite", "unknown format '.tflite'; known are .onnx, .pt2, .safetensors"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence_and_no_file(network, to, sentence, in_folder):
    with pytest.raises(li.UserError, match=sentence) as told:
        ship(network, to)
    assert "\n" not in str(told.value)
    assert not list(in_folder.iterdir())


def test_a_function_that_prepares_pictures_cannot_stay_outside(in_folder):
    with pytest.raises(li.UserError, match="cannot stay outside of the file"):
        ship(small(), "x.pt2", normalisation="outside", preprocessing=lambda pictures: pictures * 2 - 1)


def test_the_card_has_the_numbers_of_the_evaluation(in_folder):
    data = li.InvarianceData("shapes", image_size=32, shapes={"val_images": 12}, num_workers=0)
    results = li.evaluate(["one=tiny_resnet@none"], data, ["crop"], cost=False, progress=False)
    Path("results").mkdir()
    write_results(results.content, results.outcomes, Path("results"))
    written = li.export(
        "one=tiny_resnet@none", "x.safetensors", data, results="results", image_size=32, max_images=2, progress=False
    )
    card = written.card.read_text()
    row = next(row for row in results.content["rows"] if row["score"] == "top1_change")
    assert f"| `crop`, at chance | top1_change | {row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}] |" in card
    assert "Yours: the network was made with random weights." in card
    with pytest.raises(li.UserError, match="results has no results of two; write name=SOURCE with a name from it: one"):
        li.export("two=cifar_resnet20@none", "y.safetensors", data, results="results", progress=False)


def test_the_command_compares_on_as_many_pictures_as_the_function():
    assert SAID == IMAGES
