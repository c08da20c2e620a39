"""What an evaluation adds to the network: its views a second against those of the network alone."""

import time

import torch

from lit_invariance.api.evaluate import evaluate
from lit_invariance.evaluation.precision import exact_float32
from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.benchmark.authors import compare
from lit_invariance.experiments.gpu.rate import rate
from lit_invariance.experiments.gpu.setting import Setting

WANTED, TIMES_LOOP = 0.9, 20.0
PRECISIONS = {"32-true": False, "bf16-mixed": True}
COLUMNS = ("network", "precision", "network alone, views/s", "evaluation, views/s", "ratio", "times the loop, in pairs")


def evaluation_rates(setting: Setting) -> Answer:
    """Measure the rate at which further pictures are evaluated under the paper's protocol `crop`.

    Two evaluations, of few and of many pictures in memory, differ only by the pictures between them, so that start-up,
    plots and statistics cancel.

    Args:
        setting: On what, and how much is measured.
    """
    few, many = (4, 8) if setting.dry else (64, 1024)
    rows, targets = [], []
    for name in setting.names:
        for precision, half in PRECISIONS.items():
            alone = _alone(setting, name, half)
            seconds = [_evaluated(setting, name, precision, count) for count in (few, few, many)]
            views = 2 * (many - few)
            found = views / max(seconds[2] - seconds[1], 1e-9)
            times = found / 2 / _pairs_one_by_one(setting, name, half)
            rows.append([name, precision, f"{alone:.0f}", f"{found:.0f}", f"{found / alone:.2f}", f"{times:.1f}"])
            if not setting.dry:
                what = f"evaluation of {name}, {precision}, against"
                targets.append(Target(f"{what} it alone", WANTED, found / alone))
                targets.append(Target(f"{what} the loop", TIMES_LOOP, times))
    remarks = [
        f"{many} pictures of {setting.side + 32} px in memory, protocol crop, two views each.",
        "The loop is the authors': one pair at a time, its views in batches of one, from pictures on the device.",
    ]
    return Answer(COLUMNS, rows, targets, remarks)


def _alone(setting: Setting, name: str, half: bool) -> float:
    network = setting.network(name).to(setting.device)
    count = 2 if setting.dry else 128
    images = torch.rand(count, 3, setting.side, setting.side, device=setting.device)
    images = images.to(memory_format=torch.channels_last)
    with exact_float32(), torch.inference_mode(), torch.autocast(setting.device.type, torch.bfloat16, enabled=half):
        return count * rate(lambda: network(images), setting.seconds)


def _pairs_one_by_one(setting: Setting, name: str, half: bool) -> float:
    """Pairs a second as `CheckTranslationInvariance.py` compares them."""
    network, side = setting.network(name).to(setting.device), setting.side
    picture = torch.rand(3, side + 1, side + 1, device=setting.device)
    with exact_float32(), torch.inference_mode(), torch.autocast(setting.device.type, torch.bfloat16, enabled=half):
        return rate(lambda: compare(network, picture, 0, side), setting.seconds)


def _evaluated(setting: Setting, name: str, precision: str, count: int) -> float:
    side = setting.side + 32
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
    pictures = [(picture, number % 10) for number, picture in enumerate(pixels)]
    start = time.perf_counter()
    evaluate(
        {name: setting.network(name)},
        pictures,
        ["crop"],
        preprocessing=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        image_size=setting.side,
        num_workers=0,
        cost=False,
        accelerator=setting.device.type,
        devices=1,
        precision=precision,
        progress=False,
    )
    return time.perf_counter() - start
