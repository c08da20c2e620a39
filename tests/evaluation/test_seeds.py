import pytest
import yaml

from lit_invariance.evaluation.model_sources import ModelSource
from lit_invariance.evaluation.seeds import seed_groups


@pytest.fixture
def run(tmp_path):
    def make(name, seed, text=None, file="best.ckpt", **settings):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        config = {"seed_everything": seed, "name": name, "model": {"lr": 0.1} | settings}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return ModelSource(name, text or str(folder / file), checkpoint=folder / file)

    return make


def test_runs_that_differ_in_the_seed_only_are_a_group(run):
    sources = [
        run("aa_s0", 0),
        run("plain", 0, lr=0.2),
        run("aa_s1", 1),
        run("aa_s2", 5),
        run("plain_seed2", 2, lr=0.2),
    ]
    assert seed_groups(sources) == [
        {"name": "aa", "members": ["aa_s0", "aa_s1", "aa_s2"], "seeds": [0, 1, 5]},
        {"name": "plain", "members": ["plain", "plain_seed2"], "seeds": [0, 2]},
    ]


def test_other_runs_are_none(run, tmp_path):
    wrapped = run("b", 1, text=f"{tmp_path}/b/best.ckpt+shift_average")
    last = run("c", 2, file="last.ckpt")
    without = ModelSource("d", "d", checkpoint=tmp_path / "d" / "best.ckpt")
    broken = run("e", 3)
    (tmp_path / "e" / "config.yaml").write_text("{cut")
    drawn = run("f", True)
    assert (
        seed_groups([run("a", 0), run("again", 0), wrapped, last, without, broken, drawn, ModelSource("g", "g")]) == []
    )


@pytest.mark.parametrize(
    ("names", "common"),
    [(("aa0", "aa1"), "aa"), (("x", "y"), "x"), (("shapes", "shapes_1"), "shapes"), (("n-run-1", "n-run-2"), "n")],
)
def test_name(run, names, common):
    assert seed_groups([run(name, seed) for seed, name in enumerate(names)])[0]["name"] == common
