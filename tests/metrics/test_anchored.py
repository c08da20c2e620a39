import itertools

import torch

from lit_invariance.metrics.anchored import gap, pm0, pm_k


def test_every_pattern_of_five_frames():
    """Witness: the words of the paper for each of the 32 x 16 patterns of what is right and what counts."""
    cells = [[False, True]] * 5
    for right, counted in itertools.product(itertools.product(*cells), itertools.product(*cells)):
        if not counted[2]:
            continue
        at_anchor = right[2]
        everywhere = all(own for own, counts in zip(right, counted, strict=True) if counts)
        answers, shown = torch.tensor([right]), torch.tensor([counted])
        assert pm0(answers, shown).tolist() == [float(at_anchor)]
        assert pm_k(answers, shown).tolist() == [float(everywhere)]
        assert gap(answers, shown).tolist() == [float(at_anchor and not everywhere)]
