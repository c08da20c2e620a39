import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import lit_invariance
from lit_invariance.data.augmentation import TrainingView
from lit_invariance.data.datamodule import TrainingSet
from lit_invariance.data.labelled_pictures import LabelledPictures
from lit_invariance.data.workers import WorkerLoader, begin_worker


class Signalled(Dataset[int]):
    """Sends its own process what a cluster sends to all processes of a job."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        # By another process: what comes from the parent ends a worker.
        for name in ("INT", "TERM"):
            subprocess.run(["/bin/sh", "-c", f"kill -{name} {os.getpid()}"], check=True)
        return index


def test_workers_leave_stopping_to_the_main_process() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)  # a fork makes PyTorch's threads anew, and one of them could take the signals
    try:
        loader = WorkerLoader(Signalled(), batch_size=2, num_workers=1, worker_init_fn=begin_worker)
        assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]
    finally:
        torch.set_num_threads(threads)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_no_loader_of_the_package_starts_workers_without_it() -> None:
    package, found = Path(lit_invariance.__file__).parent, []
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DataLoader":
                found += [file.relative_to(package).as_posix() for word in node.keywords if word.arg == "num_workers"]
    assert found == ["api/data.py"]  # that one only says how many workers there are to be


def test_the_main_process_ends_them_and_leaves() -> None:
    program = (
        "import torch\n"
        "from lit_invariance.data.workers import WorkerLoader, begin_worker\n"
        "torch.set_num_threads(3)\n"
        "batches = iter(WorkerLoader([1, 2], num_workers=1, worker_init_fn=begin_worker, persistent_workers=True))\n"
        "next(batches)\n"
        "batches._workers[0].terminate()\n"
        "batches._workers[0].join(20)\n"
        "print(batches._workers[0].exitcode)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr


def test_workers_of_a_process_that_used_opencv_s_threads_do_not_hang():
    """OpenCV's threads are not in a forked worker, and what stops them would wait for them."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 0)  # starts the threads
        time.sleep(0.5)  # they spin before they sleep, and only one asleep is waited for
        pictures = [(torch.full((3, 20, 20), 9 * number, dtype=torch.uint8), number) for number in range(4)]
        training = TrainingSet(LabelledPictures(pictures), TrainingView(16, translation={"kind": "affine"}))
        settings = {"num_workers": 1, "worker_init_fn": begin_worker, "multiprocessing_context": "fork", "timeout": 30}
        loader = DataLoader(training, **settings)
        assert [int(batch["label"]) for batch in loader] == [0, 1, 2, 3]
    finally:
        cv2.setNumThreads(before)
