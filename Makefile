# Everything a person or a machine does with this checkout. `make help` lists it.
# ARGS goes to the command behind a target: make demo ARGS="--exit --days 10"

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
ARGS ?=
RELEASE ?=

# One machine's language and zone must not change a result.
export LC_ALL := C.UTF-8
export TZ := UTC
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check-style bench soak faults fuzz record screens clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## the virtual environment with every locked dependency

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made: install the venv module of your Python (package python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## two months of forty customers in about five minutes
	@exec $(BIN)/evenflow demo $(ARGS)

up: setup ## the whole stack, empty and lasting, at normal time
	@exec $(BIN)/evenflow up $(ARGS)

check-style: setup ## format, lint, types, import contracts, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

test: check-style ## every check; what .ci/run does
	$(BIN)/python -m tests $(ARGS)

bench: setup ## measure what the README promises
	@exec $(BIN)/python -m benchmarks $(ARGS)

soak: setup ## the demo, long, with parts being killed
	@exec $(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: setup ## decoders of usage files under a coverage-guided fuzzer, a minute each
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/fuzzing/requirements.txt
	@exec $(BIN)/python -m tests.fuzzing $(ARGS)

faults: setup ## a population that bills and pays while everything breaks around it
	@exec $(BIN)/python -m benchmarks.faults $(ARGS)

record: setup ## keep histories of today's process: make record RELEASE=0.2
	@test -n "$(RELEASE)" || { echo "Name the release: make record RELEASE=0.2" >&2; exit 1; }
	$(BIN)/pytest tests/process/test_stories.py tests/process/test_bulk_actions.py --record $(RELEASE) $(ARGS)

screens: setup ## pictures of every page, mail and document, in build/screens
	@exec $(BIN)/python -m tests.browser.screens build/screens $(ARGS)

clean: ## remove what can be made again; data directories stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
