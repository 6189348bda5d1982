# Needs GNU make and Python 3.11 or newer with pip and venv; everything else is installed into .venv
# from the hashed lists in requirements/. A second run installs nothing and asks no network.

PYTHON  ?= python3
# Test processes, two for each core: one test waits for a clock while another computes. ARGS=-n0 runs them in one.
WORKERS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
# Passed on to the tool, as in: make demo ARGS=--once, make test ARGS='-k claim'.
ARGS    ?=

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-system check format render pictures bench lock build clean

# Nobody's production is touched from here: what names a database or an account stays outside.
unexport $(filter-out MEDIASWEEP_TEST_%,$(filter \
  DATABASE_URL PG% CLOUDINARY_% NEXT_PUBLIC_% SUPABASE_% MEDIASWEEP_% CREDENTIALS_DIRECTORY,$(.VARIABLES)))

BIN := .venv/bin
RULE := deploy/kubernetes/components/prometheus-operator/rules.yaml
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# --no-build-isolation: the build backend is in the hashed list and is not fetched on the side.
INSTALL_SELF := $(PIP) install --no-deps --no-build-isolation --editable .

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## Start Postgres, a Cloudinary emulator and the daemon, and show them at work (ARGS=--once: then stop)
	@$(BIN)/mediasweep demo $(ARGS)

test: .venv/dev.stamp ## Run the tests against a real Postgres and the emulator
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --maxschedchunk 2 --ignore tests/system $(ARGS)

test-system: .venv/system.stamp ## Run the tests that need system packages (root and apt: installs what is missing)
	@tests/system/install
	@$(BIN)/python -m pytest tests/system $(ARGS)

check: .venv/dev.stamp ## Run every check that CI runs besides the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@for script in .ci/run tests/system/install; do echo "bash -n $$script"; bash -n "$$script"; done

format: .venv/dev.stamp ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

render: .venv/dev.stamp ## Renew the alerts and the dashboard under deploy/ from their sources
	$(BIN)/python -m mediasweep.alerts > deploy/prometheus/alerts.yaml
	$(BIN)/python -m deploy.grafana > deploy/grafana/mediasweep.json
	sed -i '/^spec:/q' $(RULE) && sed 's/^./  &/' deploy/prometheus/alerts.yaml >> $(RULE)

pictures: .venv/system.stamp ## Renew the pictures of the admin UI in docs/pictures/ (ARGS=folder: of every page, into that folder)
	@tests/system/install
	@$(BIN)/python -m tests.system.portraits $(ARGS)

bench: .venv/dev.stamp ## Measure, and print the figures
	@$(BIN)/python -m bench $(ARGS)

build: .venv/dev.stamp ## Build wheel and sdist into dist/
	$(BIN)/hatchling build --clean

lock: ## Renew the hashed lists in requirements/ (ARGS=--upgrade: with the newest versions)
	@tool="$$(mktemp -d)"; trap 'rm -rf "$$tool"' EXIT; \
	$(PYTHON) -m venv "$$tool/venv"; \
	"$$tool/venv/bin/python" -m pip --disable-pip-version-check --quiet install uv; \
	compile() { echo "requirements/$$1.txt"; "$$tool/venv/bin/uv" pip compile "$${@:2}" \
	  --cache-dir "$$tool/cache" --quiet --universal --generate-hashes --no-header --no-annotate \
	  --output-file "requirements/$$1.txt" $(ARGS); }; \
	compile dev pyproject.toml --extra demo --group build --group dev; \
	compile demo pyproject.toml --extra demo --group build --constraints requirements/dev.txt; \
	compile run pyproject.toml --constraints requirements/dev.txt; \
	compile build --group build --constraints requirements/dev.txt; \
	compile system --group system --constraints requirements/dev.txt

clean: ## Remove .venv, what was built and every cache
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("mediasweep needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another by: make PYTHON=python3.12 …")'
	@echo 'making .venv' && $(PYTHON) -m venv --clear .venv && touch $@

.venv/demo.stamp: .venv/venv.stamp requirements/demo.txt pyproject.toml
	@echo 'installing requirements/demo.txt and mediasweep'
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements/demo.txt
	@$(INSTALL_SELF) && touch $@

.venv/dev.stamp: .venv/venv.stamp requirements/dev.txt pyproject.toml
	@echo 'installing requirements/dev.txt and mediasweep'
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements/dev.txt
	@$(INSTALL_SELF) && touch $@ .venv/demo.stamp

.venv/system.stamp: .venv/dev.stamp requirements/system.txt
	@echo 'installing requirements/system.txt'
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements/system.txt && touch $@
