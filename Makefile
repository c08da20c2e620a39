# Needs python3 (3.11 or later), make and a C compiler. The first call creates .venv; later ones start at once.
PYTHON ?= python3
BIN := .venv/bin
# What the program needs, and what its extras, the tests and the checks need too.
BASE := .venv/base
INSTALLED := .venv/installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
SHELL := bash
.SHELLFLAGS := -o pipefail -c

.PHONY: install quickstart mitigations results reliability benchmark gpu test test-compiled test-minimum lint wheel clean

install: $(INSTALLED)

# pip would compile every file of every library, on one core. The quickstart needs only what the commands import; the tests start
# many processes, with any of it. A few files of libraries are templates and no Python.
$(BASE): pyproject.toml constraints.txt
	@echo "Installing into .venv: some GB with torch, a few minutes without further words ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c "import lit_invariance.cli.train, lit_invariance.cli.evaluate"
	@touch $@

$(INSTALLED): $(BASE)
	@$(PIP) --editable '.[antialiased,hf,export,webdataset,loggers,dev]'
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true
	@touch $@

# Train a plain, an augmented and an anti-aliased network on the built-in shapes, then compare them, on pictures like those
# of the training and on others. `make quickstart SEED=1` draws other pictures, weights and views.
SEED ?= 0
SEEDED := --overwrite true --seed_everything $(SEED) --data.seed $(SEED)
quickstart: $(BASE)
	@$(MAKE) --no-print-directory --jobs 3 SEED=$(SEED) trained_shapes trained_aug_shapes trained_aa_shapes
	$(BIN)/python evaluate.py --models baseline=checkpoints/shapes/best.ckpt augmented=checkpoints/aug_shapes/best.ckpt \
	    blurpool=checkpoints/aa_shapes/best.ckpt --output results/quickstart --seed $(SEED) \
	    --protocols centre_crop '{crop: {area: [0.79, 0.79]}}' \
	    '{embed_inpaint: {min_side: 44}}' '{scale_black: {min_side: 44, background: inpaint}}'

# Small networks train faster side by side than one after the other on all cores.
trained_%: export OMP_NUM_THREADS ?= $(shell $(PYTHON) -c 'import os; print(max(1, (os.cpu_count() or 1) // 3))')
trained_%: $(BASE)
	@echo "$*: python train.py --config $*.yaml $(SEEDED)"
	@$(BIN)/python train.py --config $*.yaml $(SEEDED) 2>&1 | { trap '' INT; while IFS= read -r line; do echo "$*: $$line"; done; }

# Train the quickstart's network with every mitigation and some pairs, then rank them. What is trained already stays; with
# `OMP_NUM_THREADS=1 make -j2 mitigations` two trainings share two cores better than one after the other.
ON_SHAPES := $(BIN)/python train.py --config shapes.yaml --data.shapes '{bias: 0.9}' --data.image_size 64 \
    --trainer.max_epochs 5 --overwrite true --trainer.enable_model_summary false
ARMS := blurpool adaptive_blur ideal_lowpass reflect_padding circular_padding consistency
TRAINED := $(patsubst %,checkpoints/m_%/best.ckpt,plain translation $(ARMS) polyphase learned_polyphase blurpool_circular \
    blurpool_consistency distilled)

mitigations: $(TRAINED)
	$(BIN)/python evaluate.py --output results/mitigations --reference plain \
	    --models $(foreach file,$(TRAINED),$(patsubst checkpoints/m_%/best.ckpt,%,$(file))=$(file)) \
	    shift_average=checkpoints/m_plain/best.ckpt+'{shift_average: {shifts: 2}}' \
	    content_align=checkpoints/m_plain/best.ckpt+content_align \
	    translation_align=checkpoints/m_translation/best.ckpt+content_align \
	    content_crop=checkpoints/m_plain/best.ckpt+content_crop \
	    --protocols centre_crop '{crop: {area: [0.79, 0.79]}}' circular circular_fractional

checkpoints/m_plain/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_plain
checkpoints/m_translation/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_translation --data.translation '{kind: affine, max_shift: 0.06}'
$(foreach arm,$(ARMS),checkpoints/m_$(arm)/best.ckpt): checkpoints/m_%/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_$* --model.mitigations '[$*]'
checkpoints/m_polyphase/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_polyphase --model.mitigations '[polyphase, circular_padding]'
checkpoints/m_learned_polyphase/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_learned_polyphase --model.mitigations '[{polyphase: {learned: true}}, circular_padding]'
checkpoints/m_blurpool_circular/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_blurpool_circular --model.mitigations '[blurpool, circular_padding]'
checkpoints/m_blurpool_consistency/best.ckpt: | $(INSTALLED)
	$(ON_SHAPES) --name m_blurpool_consistency --model.mitigations '[blurpool, consistency]'
checkpoints/m_distilled/best.ckpt: checkpoints/m_plain/best.ckpt | $(INSTALLED)
	$(ON_SHAPES) --name m_distilled --model.mitigations '[blurpool, distillation]' --model.weights $< \
	    --model.reestimate_batch_norm 1000 --model.freeze_batch_norm true --model.lr 0.002

# Train and measure every mitigation on CIFAR-10 and write the page of it; what is there already stays, and a training that
# was stopped goes on. `make results CIFAR=DIR SEEDS="0 1 2"`: DIR holds cifar-10-batches-py.
CIFAR ?= data
SEEDS ?= 0
results: install
	$(BIN)/python -m lit_invariance.experiments.cifar10 --root $(CIFAR) --seeds $(SEEDS) --page docs/results_cifar10.md

# Inject every fault that the program is to survive, and print what became of each; under 15 minutes on two cores.
reliability: install
	OMP_NUM_THREADS=1 $(BIN)/python -m lit_invariance.experiments.reliability

# Measure time and memory, and write docs/performance.md; 12 minutes on two idle cores. LIT_INVARIANCE_DATA names a folder of
# real pictures and weights; without it, drawn pictures and random weights are measured.
benchmark: install
	$(BIN)/python -m lit_invariance.experiments.benchmark --output docs/performance.md

# On a machine with one CUDA GPU; begins no further check after 460 s. Writes results/gpu.md.
gpu: install
	$(BIN)/python -m lit_invariance.experiments.gpu

# Many tests start processes, which would compile the program anew where the user's shell forbids to keep what is compiled.
test: install
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist worksteal

# Whole evaluations of compiled networks, a ResNet, a MobileNet and a ConvNeXt: minutes, and a C++ compiler.
test-compiled: install
	LIT_INVARIANCE_COMPILE=1 $(BIN)/pytest tests/execution/test_compiled.py

# The tests on the oldest versions that pyproject.toml admits, in an environment of their own. torch 2.6 cannot trace the
# gradient of our padding, so that exporting and compiling a changed network are left to newer releases.
OLDEST := .venv-minimum/installed

$(OLDEST): pyproject.toml constraints-minimum.txt
	@echo "Installing the oldest versions into .venv-minimum: some GB with torch ..."
	@$(PYTHON) -m venv .venv-minimum
	@.venv-minimum/bin/pip install --quiet --disable-pip-version-check --constraint constraints-minimum.txt \
	    --editable '.[antialiased]' pytest hypothesis
	@touch $@

test-minimum: $(OLDEST)
	.venv-minimum/bin/pytest $(addprefix tests/,metrics protocols data models results training evaluation report diagnostics api \
	    mitigations cli/test_train.py cli/test_evaluate.py) -k 'not exports and not compiles'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The wheel works outside the tree: in an environment of its own that borrows from .venv the libraries it cannot do
# without. No extra is there, and whatever needs one says so in one sentence.
PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))
wheel: install
	rm -rf build dist
	$(BIN)/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv build/env
	build/env/bin/pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	$(BIN)/python .ci/base_libraries.py build/base
	echo "$(CURDIR)/build/base" > "$$(build/env/bin/python -c '$(PURELIB)')/libraries.pth"
	cd build && env/bin/python -c "import lit_invariance as li, pathlib; home = pathlib.Path(li.__file__).parent; \
	    assert 'build/env' in str(home) and (home / 'py.typed').is_file()"
	cd build && env/bin/lit-invariance-train --config aa_resnet50.yaml --print_config > train.yaml
	cd build && env/bin/lit-invariance-evaluate --help > evaluate.txt
	cd build && env/bin/python ../.ci/absent_extras.py
	@echo "the wheel works outside the tree"

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
