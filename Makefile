# Two commands to begin with: `make demo` and `make test`. Both make .venv when it is needed.
PYTHON ?= python3
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
INSTALLED := .venv/.installed
# Tests of measurements run by themselves, behind the others.
MEASURING := tests/benchmarks tests/cli/test_benchmark.py
export BENTOML_DO_NOT_TRACK := True
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint types format wheel benchmark-train bento clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 28

demo: $(INSTALLED) ## train on real digits, export, benchmark, serve, and ask over HTTP
	PATH="$(CURDIR)/$(BIN):$$PATH" ./demo.sh

test: lint types ## everything that must hold: style, types, tests with coverage
	$(BIN)/pytest --cov --cov-report= --numprocesses auto --dist loadfile $(foreach path,$(MEASURING),--ignore $(path))
	$(BIN)/pytest --cov --cov-append $(MEASURING)

lint: $(INSTALLED) ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## mypy, strict, on the package and its tests
	mkdir -p .typing
	ln -sfn .. .typing/wfctl
	$(BIN)/mypy

format: $(INSTALLED) ## write the formatting that `make lint` checks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(INSTALLED) ## dist/wfctl-<version>-py3-none-any.whl
	rm -rf build dist/*.whl  # setuptools would pack modules that an older build left behind
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

benchmark-train: $(INSTALLED) ## training beside a bare loop, the usual loop and Lightning, as ratios
	$(BIN)/python -m pip install --quiet -e '.[peers]' -c constraints.txt
	$(BIN)/python -m wfctl.benchmarks.peers.training

bento: wheel ## the newest artifact and the service as a Bento
	PATH="$(CURDIR)/$(BIN):$$PATH" wfctl bento

clean: ## everything that was made, but not the runs
	rm -rf .venv .typing .mypy_cache .ruff_cache .pytest_cache .coverage artifact build dist *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=absent; \
	case "$$version" in 3.11|3.12) exit 0 ;; esac; \
	other=python3.12; \
	for name in python3.12 python3.11; do if $$name -c '' 2>/dev/null; then other=$$name; break; fi; done; \
	echo "wfctl needs Python 3.11 or 3.12, but $(PYTHON) is $$version: PYTHON=$$other make $(or $(MAKECMDGOALS),demo)" >&2; \
	exit 2
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e '.[train,datasets,examples,dev]' -c constraints.txt
	touch $@
