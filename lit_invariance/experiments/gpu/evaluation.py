"""What an evaluation adds to the network: its views a second against those of the network alone."""

import time

import torch

from lit_invariance.api.evaluate import evaluate
from lit_invariance.evaluation.precision import exact_float32
from lit_invariance.experiments.benchmark.answer import Answer, Target
from lit_invariance.experiments.gpu.rate import rate
from lit_invariance.experiments.gpu.setting import Setting

WANTED = 0.9
PRECISIONS = {"32-true": False, "bf16-mixed": True}
COLUMNS = ("network", "precision", "network alone, views/s", "evaluation, views/s", "ratio")


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
            rows.append([name, precision, f"{alone:.0f}", f"{found:.0f}", f"{found / alone:.2f}"])
            if not setting.dry:
                targets.append(Target(f"evaluation of {name}, {precision}, against it alone", WANTED, found / alone))
    remark = f"{many} pictures of {setting.side + 32} px in memory, protocol crop, two views each."
    return Answer(COLUMNS, rows, targets, [remark])


def _alone(setting: Setting, name: str, half: bool) -> float:
    network = setting.network(name).to(setting.device)
    count = 2 if setting.dry else 128
    images = torch.rand(count, 3, setting.side, setting.side, device=setting.device)
    images = images.to(memory_format=torch.channels_last)
    with exact_float32(), torch.inference_mode(), torch.autocast(setting.device.type, torch.bfloat16, enabled=half):
        return count * rate(lambda: network(images), setting.seconds)


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
