import torch
import torch.nn.functional as F

from lit_invariance.mitigations.surgery.choosers import LearnedPhase, LoudestPhase


def test_score_of_a_phase_is_that_of_a_circular_network_on_it_alone() -> None:
    chooser = LearnedPhase(4, (2, 3)).eval()
    maps = torch.randn(5, 4, 8, 9)
    scores = []
    for i in range(2):
        for j in range(3):
            phase = maps[:, :, i::2, j::3]
            hidden = F.conv2d(F.pad(phase, (1, 1, 1, 1), mode="circular"), chooser.hidden.weight, chooser.hidden.bias)
            hidden = F.pad(hidden.relu(), (1, 1, 1, 1), mode="circular")
            scores.append(F.conv2d(hidden, chooser.score.weight).mean((1, 2, 3)))
    assert torch.equal(chooser(maps), torch.stack(scores, 1).argmax(1))


def test_training_draws_one_phase_and_passes_a_gradient() -> None:
    torch.manual_seed(0)
    chooser = LearnedPhase(4, (2, 2)).train()
    maps = torch.randn(64, 4, 6, 6)
    weights = chooser(maps)
    assert torch.equal(weights.sort(1).values.round(decimals=5), torch.tensor([0.0, 0, 0, 1]).expand(64, 4))
    assert len(set(weights.argmax(1).tolist())) == 4
    (weights * torch.randn(64, 4)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in chooser.parameters())


def test_norm_has_no_parameters() -> None:
    assert not LoudestPhase((2, 2)).state_dict()
