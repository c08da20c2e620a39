import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from lit_invariance.execution.compiling import frozen
from lit_invariance.execution.executor import Executor


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)


def test_more_networks_of_one_class_are_compiled_than_pytorch_compiles():
    torch._dynamo.reset()
    counter, networks = CompileCounter(), [OneLayer().eval().requires_grad_(False) for _ in range(10)]
    with torch.inference_mode(), frozen():
        for network in networks:
            torch.compile(network, backend=counter, dynamic=False)(torch.zeros(1, 2))
    assert counter.frame_count == len(networks)


def test_an_executor_shows_its_network_one_kind_of_tensor():
    seen = []

    class Noting(OneLayer):
        def forward(self, x):
            seen.append(x.is_inference())
            return x.flatten(1)[:, :2]

    executor = Executor(Noting().eval(), 2, 1)
    with torch.inference_mode():
        inside = torch.zeros(1, 3, 2, 2)
    seen.clear()
    for views in (inside, torch.zeros(1, 3, 2, 2)):
        executor(views)
    assert seen == [True, True]
