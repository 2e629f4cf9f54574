# make demo: install into .venv and train the main job.   make sweep: compare three cells over three seeds.   make test: run the tests.   make check: lint, types and imports.   make bench: benchmarks/.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.installed

.PHONY: demo sweep test check bench

demo: $(MARK)
	$(BIN)/python -m cldnn_lab.train model=cldnn data=radioml

sweep: $(MARK)
	$(BIN)/python -m cldnn_lab.train -m model=pulse_rnn data=pulses model.cell=SimpleRNN,GRU,LSTM seed=1,2,3 \
	    epochs=20 optimizer.learning_rate=0.01 launcher=joblib

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
