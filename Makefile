# make demo: install into .venv and train the main job.   make test: run the tests.   make check: lint, types and imports.   make bench: benchmarks/.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.installed

.PHONY: demo test check bench

demo: $(MARK)
	$(BIN)/python -m cldnn_lab.train model=cldnn data=radioml

test: $(MARK)
	$(BIN)/python -m pytest

check: $(MARK)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(MARK): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $(MARK)

bench: $(MARK)
	$(BIN)/python -m pip install --quiet -e '.[jax]'
	$(BIN)/python benchmarks/bench.py
