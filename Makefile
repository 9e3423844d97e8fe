# Qupiao: everything is one of these commands. `make help` lists them. PYTHON=… chooses the interpreter (3.11 to 3.13).

ifeq (,$(filter oneshell,$(.FEATURES)))
$(error Qupiao needs GNU make 3.82 or newer; macOS has 3.81: brew install make, then call gmake instead)
endif

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory
py := .venv/bin/python
# Processes of pytest. Many tests wait for what they have started, so that two cores serve three.
WORKERS ?= 3
# DAYS of demo bills for `make demo-days`.
DAYS ?= 90
# What the money and the numbers hang on: `make coverage` gives a figure for each.
CORE := portal/domain portal/stock portal/issuing
# Further arguments for pytest or the benchmarks: make unit ARGS="-k money"
ARGS ?=
export PYTHON
# Python keeps what it compiles, also where the environment forbids it: a run of the tests starts a hundred processes,
# and each would compile every module anew (5 s of processor time instead of 2).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-test run demo-days test lint format types imports pytest unit soak bench coverage mutants \
  lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do
	  printf '  make %-12s %s\n' "$$name" "$$text"
	done

setup: ## prepare this checkout (implied by run)
	@bin/setup run

setup-test: ## the same, with what the tests need (implied by test, soak)
	@bin/setup test

run: setup ## start Qupiao with demo data at http://127.0.0.1:$PORT (8000)
	@exec $(py) -m portal.cli demo run

demo-days: setup ## make DAYS=90 days of demo bills in DATA_DIR
	@exec $(py) -m portal.cli demo days $(DAYS)

test: setup-test lint types imports pytest ## everything: style, types, import direction, all tests

lint: setup-test ## style and format
	@$(py) -m ruff check .
	$(py) -m ruff format --check .

format: setup-test ## put style and format right where a machine can
	@$(py) -m ruff check --fix .
	$(py) -m ruff format .

types: setup-test ## static types
	@$(py) -m mypy

imports: setup-test ## the layers of the code: imports run downwards only
	@.venv/bin/lint-imports --no-logo

pytest: setup-test ## all tests, where the database matters on SQLite and PostgreSQL
	@exec $(py) -m pytest -n $(WORKERS) $(ARGS)

unit: setup-test ## the fast tests only (no database, no browser)
	@exec $(py) -m pytest tests/unit $(ARGS)

soak: setup-test ## races, kills, outages and hostile input at full length, all else on both databases
	@export QUPIAO_SOAK=1
	exec $(py) -m pytest tests/bench tests/concurrency tests/crash tests/hostile tests/browser/test_every_page.py tests/functional $(ARGS)

bench: setup-test ## ratios against floors, in turns in one run: make bench ARGS="issue --rounds 3"
	@exec $(py) -m bench $(ARGS)

coverage: setup-test ## branch coverage of the tests: make coverage ARGS="tests/unit"
	@rm -rf var/coverage
	mkdir -p var/coverage
	ended=0
	$(py) -m coverage run -m pytest -n $(WORKERS) $(ARGS) || ended=$$?
	$(py) -m coverage combine -q
	for part in $(CORE); do
	  printf '%-16s %s %%\n' "$$part" "$$($(py) -m coverage report --precision=1 --format=total --include="$$part/*")"
	done
	printf '%-16s %s %%\n' all "$$($(py) -m coverage report --precision=1 --format=total)"
	exit $$ended

mutants: setup-test ## do the unit tests notice changes of what is pure? survivors: .venv/bin/mutmut results
	@mkdir -p var
	.venv/bin/mutmut run $(ARGS) >var/mutants.log 2>&1 </dev/null || true
	.venv/bin/mutmut results --all true | $(py) -m bin.mutant_figures

lock: setup-test ## renew the lock files from pyproject.toml: to run, to test, to install
	@options=(-q --universal --python-version 3.11 --generate-hashes --upgrade)
	.venv/bin/uv pip compile "$${options[@]}" pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile "$${options[@]}" --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	echo uv | .venv/bin/uv pip compile "$${options[@]}" --no-annotate - -o requirements-setup.lock

clean: ## remove .venv and what tools left behind (not the data in var/)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
