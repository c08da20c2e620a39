import pytest
import torch

from lit_invariance.evaluation.precision import exact_float32


def state():
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="this torch has the older interface only")
def test_tf32_is_off_within_and_as_before_after():
    before = state()
    assert "tf32" in before
    with exact_float32():
        assert state() == ("ieee",) * 3
    assert state() == before


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="this torch has the older interface only")
def test_switched_back_after_an_error():
    before = state()

    @exact_float32()
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert state() == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_convolution_is_exact_on_a_gpu():
    images, weight = torch.randn(4, 256, 16, 16), torch.randn(64, 256, 3, 3)
    exact = torch.nn.functional.conv2d(images.double(), weight.double())
    with exact_float32():
        ours = torch.nn.functional.conv2d(images.cuda(), weight.cuda()).cpu()
    # TF32 would be off by about 1e-3 of the output's spread of 48.
    assert (ours - exact).abs().max() < 1e-3
