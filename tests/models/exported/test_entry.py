"""Exported files as sources, against networks whose answers are known."""

import numpy as np
import pytest
import torch

import lit_invariance as li
from lit_invariance.evaluation.model_sources import parse_source
from lit_invariance.models.exported.entry import exported_network
from lit_invariance.models.exported.file import ExportedNetwork
from lit_invariance.training.checkpoint import load_checkpoint

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
SIDE, CLASSES = 16, 3
TELLS = "{mean: [0.1, 0.2, 0.3], std: [0.5, 0.5, 0.5]}"


def write_linear(path, batch, side=SIDE):
    """An ONNX file made node by node: the pixels times a matrix."""
    weights = np.random.default_rng(0).normal(size=(3 * SIDE * side, CLASSES)).astype(np.float32)
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [batch, 3, SIDE, side])
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch, CLASSES])
    nodes = [
        onnx.helper.make_node("Flatten", ["x"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "linear", [given], [made], [onnx.numpy_helper.from_array(weights, "w")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return torch.from_numpy(weights)


def openvino_folder(path):
    openvino = pytest.importorskip("openvino", reason="the extra `export` is not installed")
    (path.parent / "folder").mkdir()
    openvino.save_model(openvino.convert_model(path), path.parent / "folder" / "linear.xml", compress_to_fp16=False)
    return path.parent / "folder"


@pytest.mark.parametrize("batch", ["N", 2])
@pytest.mark.parametrize("convert", [lambda path: path, openvino_folder], ids=["onnx", "openvino"])
def test_a_foreign_file_of_any_or_a_fixed_batch(batch, convert, in_folder):
    weights = write_linear(in_folder / "linear.onnx", batch)
    entry = exported_network(f"{convert(in_folder / 'linear.onnx')}{TELLS}", None)
    assert (entry.classes, entry.preprocessing.size, entry.preprocessing.mean) == (CLASSES, SIDE, (0.1, 0.2, 0.3))
    network = entry.make(CLASSES)
    for count in (1, 2, 5):
        inputs = torch.rand(count, 3, SIDE, SIDE)
        torch.testing.assert_close(network(inputs), inputs.flatten(1) @ weights, rtol=1e-4, atol=1e-4)


def test_it_is_compared_like_any_model_and_wrapped_but_not_changed(in_folder):
    weights = write_linear(in_folder / "linear.onnx", "N")
    mean, std = torch.tensor([0.1, 0.2, 0.3])[:, None, None], 0.5
    bare = f"linear.onnx{TELLS}"
    data = [(torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(n)), n % 3) for n in range(8)]
    models = {
        "file": bare,
        "wrapped": f"{bare}+{{content_align: {{grid: 4}}}}",
        "function": lambda pictures: ((pictures - mean) / std).flatten(1) @ weights,
    }
    function = lambda pictures: ((pictures - mean) / std).flatten(1) @ weights  # noqa: E731
    models["aligned"] = li.ContentAlign(function, grid=4)
    results = li.evaluate(models, data, ["crop"], image_size=SIDE, preprocessing=lambda x: x, progress=False)
    rows = {(row["model"], row["score"]): row["mean"] for row in results.content["rows"]}
    for score in ("accuracy", "top1_change", "mean_absolute_change"):
        assert rows["file", score] == pytest.approx(rows["function", score], abs=1e-5)
        assert rows["wrapped", score] == pytest.approx(rows["aligned", score], abs=1e-5)
    with pytest.raises(li.UserError, match="an exported file holds no layers that blurpool could change; apply it"):
        li.evaluate([f"{bare}+blurpool"], data, ["crop"], progress=False)
    with pytest.raises(li.UserError, match="aliasing examines the layers of a network, but model linear.onnx is"):
        li.evaluate([bare], data, ["crop"], diagnose=["aliasing"], progress=False)


def test_what_our_own_export_says_is_used(in_folder):
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE**2, CLASSES)).eval()
    recipe = {"mean": (0.2, 0.2, 0.2), "std": (0.3, 0.3, 0.3), "input_size": (3, SIDE, SIDE), "crop_pct": 0.8}
    for normalisation in ("inside", "outside"):
        li.export(network, "own.pt2", preprocessing=recipe, normalisation=normalisation, max_images=2, progress=False)
        entry = exported_network("own.pt2", "default")
        seen = entry.preprocessing
        assert (seen.mean, seen.std, seen.size, seen.crop_pct) == ((0.2,) * 3, (0.3,) * 3, SIDE, 0.8)
        assert seen.inside == (normalisation == "inside")
        classifier = li.LitClassifier("own.pt2", None, CLASSES, SIDE).eval()
        pictures = torch.rand(3, 3, SIDE, SIDE)
        with torch.no_grad():
            torch.testing.assert_close(classifier(pictures), network((pictures - 0.2) / 0.3))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("missing.onnx", "there is no file 'missing.onnx'; check the path"),
        ("linear.onnx", "'linear.onnx' does not say what it expects of pictures; write 'linear.onnx{mean: "),
        (f"linear.onnx{TELLS}@w.pth", "has its own weights; leave '@w.pth' out"),
        ("linear.onnx{maen: 0, std: 1}", "unknown option of 'linear.onnx' 'maen'; did you mean mean"),
        ("linear.onnx{mean: 0, std: 1, size: 24}", "takes pictures of 16 x 16 pixels, not of 24"),
        ("wide.onnx{mean: 0, std: 1}", "takes pictures of shape .*, but all views are square"),
        ("broken.onnx", "'broken.onnx' cannot be run by onnxruntime: "),
    ],
)
def test_what_is_wrong_is_one_sentence(text, sentence, in_folder):
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    write_linear(in_folder / "linear.onnx", "N")
    write_linear(in_folder / "wide.onnx", "N", side=20)
    (in_folder / "broken.onnx").write_bytes(b"\0" * 100)
    source = parse_source(text)
    with pytest.raises(li.UserError, match=sentence):
        exported_network(source.backbone, source.weights)


def test_it_cannot_be_trained_nor_named_by_a_checkpoint(in_folder, write_run):
    write_linear(in_folder / "linear.onnx", "N")
    classifier = li.LitClassifier(f"linear.onnx{TELLS}", None, CLASSES, SIDE)
    assert isinstance(classifier.backbone, ExportedNetwork)
    with pytest.raises(li.UserError, match="is an exported file, which cannot be trained"):
        classifier.configure_optimizers()
    path = write_run(in_folder, "run")
    content = torch.load(path, weights_only=True)
    content["hyper_parameters"]["backbone"] = "linear.onnx"
    torch.save(content, path)
    with pytest.raises(li.UserError, match="names the exported file linear.onnx as its network; name that file itself"):
        load_checkpoint(path)
