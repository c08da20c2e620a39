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
	    blurpool=checkpoints/aa_shapes/best.ckpt --output results/quickstart

test: install
	$(BIN)/pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The wheel works outside the tree: installed into a bare environment that borrows only the libraries of .venv.
wheel: install
	$(BIN)/python -m build --wheel --outdir dist .
	rm -rf build/wheel_check
	$(BIN)/python -m venv build/wheel_check
	build/wheel_check/bin/pip install --quiet --no-deps dist/*.whl
	echo "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
	    > "$$(build/wheel_check/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/libraries.pth"

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
