import signal

from torch.utils.data import DataLoader, Dataset

from lit_invariance.data.workers import begin_worker


class Handlers(Dataset[bool]):
    """Whether the process that is asked ignores both signals."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> bool:
        return all(signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM))


def test_workers_leave_stopping_to_the_main_process() -> None:
    assert [batch.tolist() for batch in DataLoader(Handlers(), num_workers=1)] == [[False]]
    assert [batch.tolist() for batch in DataLoader(Handlers(), num_workers=1, worker_init_fn=begin_worker)] == [[True]]
