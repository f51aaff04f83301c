# Everything a person or a machine does with this tree. `make` alone lists the targets.
#
# Tools and dependencies are pinned with hashes in requirements/ and installed with whatever index configuration the
# machine has. Local wheels in that configuration (find-links, an extra index) do no harm: among the candidates pip
# prefers the ones whose hash is listed and refuses the rest, and every file of a release is listed, for all platforms.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:3141
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PACKAGES := $(shell sed 's/\#.*//' packages.apt)

# Where it is set, every program that a test starts would compile pipway anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test check scenarios audit-score bench lab format docs lock system clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

serve: $(VENV)/.run ## install into .venv and start pipway on port 3141
	@echo "pip:  pip install --index-url http://$(LISTEN)/simple/ PACKAGE"
	@echo "uv:   uv pip install --default-index http://$(LISTEN)/simple/ PACKAGE"
	@exec $(BIN)/pipway serve --listen $(LISTEN)

test: system $(VENV)/.dev ## everything: format, lint, types, every test
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -q

check: $(VENV)/.dev ## what to run before a commit: lint, types, quick tests (under a minute)
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -q -m "not live and not slow" --hypothesis-profile=quick --ignore=tests/e2e --ignore=tests/lab

scenarios: system $(VENV)/.dev ## real failures, staged with real clients: named and mended, N of N
	@$(BIN)/python -m tests.scenarios

audit-score: $(VENV)/.dev ## the audit on a corpus of projects: planted, found, false positives
	@$(BIN)/python -m tests.audit.score && $(BIN)/python -m tests.audit.real_world

bench: system $(VENV)/.dev ## pipway beside its peers, in one run
	$(BIN)/python bench/run.py

lab: system $(VENV)/.dev ## every parent proxy of the tests, started for you to try
	@$(BIN)/python -m tests.lab

format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

docs: $(VENV)/.dev ## write docs/reference/ from the code
	$(BIN)/python docs/generate.py

# The pins come from the machine's ordinary index without its local wheels, so that the hashes are everybody's.
lock: $(VENV)/.dev ## choose the versions in requirements/ anew
	env -u PIP_FIND_LINKS UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-annotate pyproject.toml --group build -o requirements/run.txt
	env -u PIP_FIND_LINKS UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-annotate pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

system: ## install the Debian packages of packages.apt (root only; others are told what is missing)
	@missing=(); for name in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$$name"); done; \
	if [ $${#missing[@]} = 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; \
	else \
	  echo "not installed: $${missing[*]}; tests that need them fail unless PIPWAY_TEST_SKIP names them" >&2; \
	fi

clean: ## remove what make made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv $(VENV); exit; fi; done; \
	echo "pipway needs Python 3.11 or newer; name one with make PYTHON=/path/to/python" >&2; exit 1

$(VENV)/.run: $(VENV)/pyvenv.cfg requirements/run.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src  # where PYTHONDONTWRITEBYTECODE is set every start would do it: 0.2 s
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
