# Needs python3 (3.11 or later), make and a C compiler. The first call creates .venv; later ones start at once.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: install quickstart test lint wheel clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing into .venv: some GB with torch, a few minutes without further words ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[antialiased,dev]'
	@touch $@

# Train a plain, an augmented and an anti-aliased network on the built-in shapes, then compare them.
quickstart: install
	$(BIN)/python train.py --config shapes.yaml --overwrite true
	$(BIN)/python train.py --config aug_shapes.yaml --overwrite true
	$(BIN)/python train.py --config aa_shapes.yaml --overwrite true
	$(BIN)/python evaluate.py --models baseline=checkpoints/shapes/best.ckpt augmented=checkpoints/aug_shapes/best.ckpt \
	    blurpool=checkpoints/aa_shapes/best.ckpt --output results/quickstart \
	    --protocols centre_crop '{crop: {area: [0.79, 0.79]}}' embed_black scale_black

test: install
	$(BIN)/pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The wheel works outside the tree: in an environment of its own that borrows nothing but the libraries of .venv.
PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))
wheel: install
	rm -rf build dist
	$(BIN)/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv build/env
	build/env/bin/pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	$(BIN)/python -c '$(PURELIB)' > "$$(build/env/bin/python -c '$(PURELIB)')/libraries.pth"
	cd build && env/bin/python -c "import lit_invariance; assert 'build/env' in lit_invariance.__file__"
	cd build && env/bin/lit-invariance-train --config aa_resnet50.yaml --print_config > train.yaml
	cd build && env/bin/lit-invariance-evaluate --help > evaluate.txt
	@echo "the wheel works outside the tree"

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
