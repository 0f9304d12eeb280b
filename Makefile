# `make run` and `make test` are all that a new checkout needs; each target sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS ?= monitor,prometheus,otlp,elasticsearch,mongodb,kafka

.PHONY: run test soak test-servers test-installs check format bench docs build clean
.DEFAULT_GOAL := test

run: $(READY)  ## Watch this machine: /metrics, the API and a page on 127.0.0.1:9464.
	@exec $(BIN)/otel-bitacora serve $(ARGS)

test: $(READY)  ## Everything that needs no server of its own.
	$(BIN)/pytest -q $(ARGS)

soak: $(READY)  ## What takes minutes: the Reporter's faults at full size, ten thousand processes, and the like.
	BITACORA_SOAK=1 $(BIN)/pytest -q --durations=15 tests/faults tests/reporter $(ARGS)
	$(BIN)/pytest -q -m soak $(ARGS)

test-servers: $(READY)  ## Against real servers; one that can't start fails in CI and is skipped, by name, elsewhere.
	$(BIN)/pytest -q -m servers -rs $(ARGS)

test-installs: $(READY)  ## The built wheel, in a fresh environment for each kind of install.
	$(BIN)/python tests/installs/check_installs.py $(ARGS)

check: $(READY)  ## Style, types, layers, generated files, metric names.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing_api.py
	$(BIN)/lint-imports
	$(BIN)/python tools/generate.py --check
	$(BIN)/python tools/check_metric_names.py

format: $(READY)  ## Let ruff mend what it can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## Make the documents that are made from code.
	$(BIN)/python tools/generate.py

bench: $(READY)  ## Measure the goals against their peers and write docs/BENCHMARKS.md; takes minutes.
	$(BIN)/python bench/run.py $(ARGS)

build: $(READY)  ## Wheel and sdist, in dist/.
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# pip is upgraded first: the one that comes with Python 3.11 knows no dependency groups.
$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "otel-bitacora needs Python 3.11 or newer; say which: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --group dev -e '.[$(EXTRAS)]'
	@touch $@
