# `make help` lists the targets. Targets that need the virtual environment make it, and reinstall when pyproject.toml changes.

PYTHON ?= python3
CONFIG ?= configs/quickstart.yaml
SET ?=
RUN ?=
ARGS ?=

VENV := .venv
EXTRAS := ctranslate2,serve
TEST_ALL := dev,test_all
BIN := $(VENV)/bin
# Empty files that mark a finished install; one that was interrupted leaves none and is repeated.
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help train eval test test-faults test-all check format dist clean

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: $(INSTALLED) ## train CONFIG=configs/quickstart.yaml [SET="train.seed=2 train.max_minutes=40"] [RUN=runs/mine]
	@$(BIN)/translator train $(CONFIG) $(foreach pair,$(SET),--set '$(pair)') $(if $(RUN),--run $(RUN))

eval: $(INSTALLED) ## score the test set with RUN=runs/quickstart [ARGS=--json]
	@test -n "$(RUN)" || { echo "which run? As in: make eval RUN=runs/quickstart" >&2; exit 2; }
	@$(BIN)/translator eval $(RUN) $(ARGS)

test: $(INSTALLED_DEV) ## run the tests [ARGS="tests/test_config.py -k name"]
	@# Two processes, each test file in one of them: on two cores it takes two thirds of the time.
	$(BIN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

test-faults: $(INSTALLED_DEV) ## run the tests that kill processes and damage files, and those of hostile input at length
	$(BIN)/pytest -m faults $(ARGS)
	$(BIN)/pytest --hypothesis-profile at-length tests/test_hostile_*.py $(ARGS)

test-all: test test-faults ## run these, then a server under load; with TRANSFORMERS_PYTHON=… PyTorch's side of an export too
	$(call install,.[$(TEST_ALL)])
	$(BIN)/pytest -m load $(ARGS)

check: $(INSTALLED_DEV) ## check format, lint, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED_DEV) ## format the code, and fix what lint can fix by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

dist: $(INSTALLED_DEV) ## build the sdist, and from it the wheel, into dist/
	@# A build/ of an earlier layout would put its modules into the wheel.
	@rm -rf build dist
	@$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## remove caches and build leftovers; runs/ and .venv/ stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find translator tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml | $(BIN)/pip
	$(call install,.[$(EXTRAS)])
	@touch $@

$(INSTALLED_DEV): pyproject.toml | $(BIN)/pip
	$(call install,.[dev])
	@touch $(INSTALLED) $@

define install
@echo "Installing TensorFlow and the rest into $(VENV) (about a minute) …" >&2
@# The pip of Python 3.10 searches versions for ten minutes and more; a new one takes seconds.
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
@# setuptools warns at length of editable installs in general.
@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '$(1)'
endef

# Of all that `venv` writes, pip comes last.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null || { \
		echo "translator needs Python 3.10 to 3.13; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -1)." \
		"Name another, as in: make train PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
