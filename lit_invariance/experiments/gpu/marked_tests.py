"""The tests that need a GPU, run in a process of their own."""

import re
import subprocess
import sys
from pathlib import Path

from lit_invariance.experiments.benchmark.answer import Answer
from lit_invariance.experiments.gpu.setting import Setting

CHECKOUT = Path(__file__).resolve().parents[3]
LONGEST = 150  # seconds
MARK = "@pytest.mark.gpu"
COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


def marked_tests(setting: Setting) -> Answer:
    """Run what is marked `gpu`; in the small, only collect it.

    Args:
        setting: On what, and how much is measured.

    Raises:
        RuntimeError: If a test fails or none runs; it ends with the last lines of the output.
    """
    tests = CHECKOUT / "tests"
    if not tests.is_dir():
        raise RuntimeError(f"there are no tests beside the package ({tests}); run this in a checkout")
    # Only files that have some: importing all others would take longer than the tests.
    chosen = sorted(str(file) for file in tests.rglob("test_*.py") if MARK in file.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *chosen, "-p", "no:cacheprovider"]
    command += ["--collect-only"] if setting.dry else []
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=None if setting.dry else LONGEST
    )
    last = done.stdout.strip().splitlines()[-12:]
    counts = {kind: int(number) for number, kind in COUNT.findall(last[-1] if last else "")}
    if done.returncode or not (setting.dry or counts.get("passed")):
        raise RuntimeError(" / ".join(last) or done.stderr[-600:])
    return Answer(("result",), [[last[-1].strip("= ")]])
