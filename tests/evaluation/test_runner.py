import logging

from lit_invariance.evaluation.runner import predict


class Compiling:
    """Stands for a Trainer whose network is compiled where CUDA is installed but no GPU is."""

    precision = "32-true"

    def predict(self, *_, **__):
        logger = logging.getLogger("torch.utils.cpp_extension")
        logger.warning("No CUDA runtime is found")
        logger.error("the compiler failed")


def test_a_missing_gpu_is_not_told_of_while_networks_are_compiled(caplog):
    before = logging.getLogger("torch.utils.cpp_extension").level
    predict(Compiling(), None, None)
    assert [record.getMessage() for record in caplog.records] == ["the compiler failed"]
    assert logging.getLogger("torch.utils.cpp_extension").level == before
