# Everything sets itself up: a virtual environment in .venv with the exact tested versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_STORE := demo-store

.PHONY: demo test test-slow check format bench clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

## The main job on real rows: examples/assistant, into ./demo-store.
demo: $(READY)
	$(BIN)/dataprep run examples/assistant/pipeline.yaml --store $(DEMO_STORE)
	@echo "(dataprep is $(BIN)/dataprep here; '. $(BIN)/activate' puts it on the path)"

## Lint, types and every default test.
test: $(READY) check
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m 'not slow'

## The slow and environment-heavy tests.
test-slow: $(READY)
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## Speed, as ratios within one run; see bench/README.md.
bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) $(DEMO_STORE) build dist *.egg-info
