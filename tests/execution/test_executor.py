import pytest
import torch
from torch import nn

from lit_invariance.errors import UserError
from lit_invariance.execution import executor as module
from lit_invariance.execution.compiling import pays
from lit_invariance.execution.executor import Executor
from lit_invariance.execution.lanes import Lanes, lanes_of
from lit_invariance.mitigations import apply_mitigations
from lit_invariance.models.small_resnet import SmallResNet
from tests.execution.test_folding import stirred

VIEWS = torch.rand(11, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def network(*mitigations):
    torch.manual_seed(0)
    made = SmallResNet(10, blocks=2, pool=True)
    apply_mitigations(made, list(mitigations))
    return stirred(made)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def test_answers_are_those_of_the_network_in_batches_of_one_size():
    plain, sizes = network(), []
    plain.register_forward_pre_hook(lambda layer, inputs: sizes.append(len(inputs[0])))
    fast = Executor(plain, 32, 4)
    assert fast.folded > 0
    sizes.clear()
    answers = fast(VIEWS)
    assert sizes == [4, 4, 4]
    with torch.no_grad():
        torch.testing.assert_close(answers, plain(VIEWS), atol=1e-5, rtol=1e-5)


# A network with polyphase sampling remembers its phases from layer to layer, which two batches must not mix.
@pytest.mark.parametrize("mitigations", [[], ["polyphase", "circular_padding"]])
def test_batches_side_by_side_do_not_mix(threads, mitigations):
    plain = network(*mitigations)
    fast = Executor(plain, 32, 2)
    fast.open(3, torch.no_grad)
    parts = [VIEWS[number % 9 : number % 9 + 2] for number in range(60)]
    with Lanes(lanes_of(torch.device("cpu"))) as lanes:
        assert (lanes.count, torch.get_num_threads()) == (3, 1)
        results = [lanes.run(lambda part=part: fast(part)) for part in parts]
        answers = [result.result() for result in results]
    assert torch.get_num_threads() == 3
    with torch.no_grad():
        for part, answer in zip(parts, answers, strict=True):
            torch.testing.assert_close(answer, plain(part), atol=1e-5, rtol=1e-5)


def test_a_lane_hands_on_what_was_raised(threads):
    for count in (1, 2):
        with Lanes(count) as lanes:
            failed = lanes.run(lambda: torch.ones(2) + torch.ones(3))
            with pytest.raises(RuntimeError, match="must match"):
                failed.result()


class Uncopyable(nn.Module):
    def __deepcopy__(self, memo):
        raise TypeError("a socket")

    def forward(self, images):
        return images.mean((2, 3))


def test_what_cannot_be_copied_runs_as_it_is():
    fast = Executor(Uncopyable(), 32, 4)
    assert fast.single
    torch.testing.assert_close(fast(VIEWS), VIEWS.mean((2, 3)))


class Overflowing(nn.Module):
    """A network whose folded form would overflow, and so is not folded."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_var.fill_(1e-30)
        self.norm.eps = 0.0
        nn.init.constant_(self.norm.weight, 1e30)
        nn.init.zeros_(self.conv.bias)
        nn.init.constant_(self.conv.weight, 1e-3)

    def forward(self, images):
        return (self.norm(self.conv(images)) * 1e-30).mean((2, 3))


def test_what_is_not_exact_is_undone():
    plain = Overflowing().eval()
    fast = Executor(plain, 32, 4)
    assert fast.folded == 0
    with torch.no_grad():
        torch.testing.assert_close(fast(VIEWS), plain(VIEWS), equal_nan=True)


def test_compiling_on_request_is_told_when_it_fails(monkeypatch):
    def broken(network):
        raise RuntimeError("no compiler\nfound")

    monkeypatch.setattr(module, "compiled", lambda network: lambda views: broken(network))
    fast = Executor(network(), 32, 4)
    with pytest.raises(UserError, match=r"^model a cannot be compiled \(.*no compiler.*\); leave --compile out.$"):
        fast.speed_up("true", 100, "a")
    fast.speed_up("auto", 10**12, "a")
    assert not fast.compiled


def test_compiled_answers_replace_the_plain_ones(monkeypatch):
    compiled = lambda network: torch.compile(network, backend="eager", dynamic=False)  # noqa: E731
    monkeypatch.setattr(module, "compiled", compiled)
    plain = network("blurpool")
    fast = Executor(plain, 32, 4)
    fast.speed_up("true", 11, "a")
    assert fast.compiled
    with torch.no_grad():
        torch.testing.assert_close(fast(VIEWS), plain(VIEWS), atol=1e-5, rtol=1e-5)


def test_compiling_pays_only_where_there_is_much_to_do():
    small = network()
    assert not pays(small, 10)
    assert pays(small, 1000)
