import os
import subprocess
import sys

from torch.utils.data import DataLoader, Dataset

from lit_invariance.data.workers import begin_worker


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
    loader = DataLoader(Signalled(), batch_size=2, num_workers=1, worker_init_fn=begin_worker)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]


def test_the_main_process_ends_them_and_leaves() -> None:
    program = (
        "from torch.utils.data import DataLoader\n"
        "from lit_invariance.data.workers import begin_worker\n"
        "batches = iter(DataLoader([1, 2], num_workers=1, worker_init_fn=begin_worker, persistent_workers=True))\n"
        "next(batches)\n"
        "batches._workers[0].terminate()\n"
        "batches._workers[0].join(20)\n"
        "print(batches._workers[0].exitcode)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr
