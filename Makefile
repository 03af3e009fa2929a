# The only entrance: people, pre-commit and CI call the same targets.
# A fresh machine needs Python 3.11, git, make and, for the real peers of the tests, apt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := dicom_node engine train
NAME ?= hlsnc-head-ct
CORES := $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2)
WORKERS := $(shell echo $$(( $(CORES) < 4 ? 3 * $(CORES) : 8 )))  # many tests wait for their peers
ALL := $(CODE) tests benchmarks examples
export PYTHONDONTWRITEBYTECODE :=  # the suite starts hundreds of processes: one of them compiles

.DEFAULT_GOAL := help
.PHONY: help install peers format lint types contracts test check slow gpu bench study docs demo model constraints clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make the virtual environment, with everything in it

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[engine,train,dev,docs]'
	touch $@

peers: ## Install Orthanc, DCMTK and PostgreSQL where they are missing (Debian, Ubuntu)
	@sh tests/peers.sh

format: install ## Format the code
	$(BIN)/ruff format $(ALL)
	$(BIN)/ruff check --fix $(ALL)

lint: install ## Style and spelling
	$(BIN)/ruff check $(ALL)
	$(BIN)/ruff format --check $(ALL)
	$(BIN)/typos

types: install ## Types, strict
	$(BIN)/mypy

contracts: install ## Who may import whom
	$(BIN)/lint-imports

test: install peers ## Every test that ends in minutes, against real peers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) \
		--dist loadfile --no-loadscope-reorder tests  # in the order of tests/conftest.py

check: lint types contracts test docs ## Everything that has to hold before a change lands

slow: install peers ## Tests of an hour and more
	$(BIN)/python -m pytest -m slow

gpu: install ## Tests that need a CUDA device and CuPy; NumPy beside CuPy
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m benchmarks engine

bench: install peers ## Side by side with Orthanc and DCMTK
	$(BIN)/python -m benchmarks

study: install ## The papers' own comparisons, learned again side by side: hours; make the models first
	$(BIN)/python -m benchmarks.studies shift
	$(BIN)/python -m benchmarks.studies ablation

docs: install ## The documentation, warnings being errors
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

demo: install ## The main job, once, with pictures
	$(BIN)/python -m examples.demo

model: install ## Learn a shipped model again, from a seed: make model NAME=hlsnc-head-ct
	@test -f "conf/train/$(NAME).toml" || { echo "which one? make model NAME=... of" $(basename $(notdir $(wildcard conf/train/*.toml))); exit 2; }
	$(BIN)/dicom-train make conf/train/$(NAME).toml --bundle conf/models/$(NAME)

constraints: ## Write down the newest versions that the ranges allow; then run make check
	rm -rf build/newest
	$(PYTHON) -m venv build/newest
	build/newest/bin/python -m pip install --quiet --editable '.[engine,train,dev,docs]'
	(echo "# The exact versions that make check passed with. Renewed by: make constraints"; \
	 build/newest/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//') > constraints.txt

clean: ## Delete what these targets made, the environment too
	rm -rf $(VENV) build dist docs/_build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
