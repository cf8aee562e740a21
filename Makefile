# `make run` and `make test` are all a newcomer needs; both set up what is missing first.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ASSET_SOURCES := $(shell find themes -path '*/node_modules' -prune -o -path '*/static/dist' -prune -o -type f -print 2>/dev/null)
CATALOGUES := $(shell find translations plugins -name '*.po' 2>/dev/null)
WORKERS ?= 2

help: ## show this
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: install ## set up, load the sample bank once, serve on 127.0.0.1:CRM_PORT
	@CRM_TRAINING=1 $(BIN)/crm serve --demo

test: install-dev ## set up and run the tests (sampled sizes, at most 25 minutes on 2 cores)
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not slow" $(PYTEST)

test-full: install-dev ## all sizes, both databases complete
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile $(PYTEST)

check: install-dev ## lint, types, contract rules, translations, docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m core.host.i18n check
	@$(BIN)/python -m pytest -q -m "not slow" tests/contract

coverage: install-dev ## coverage of core, which must be at least 95 %
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -q -n $(WORKERS) --dist loadfile -m "not slow" $(PYTEST)
	@$(BIN)/coverage combine -q && $(BIN)/coverage report --fail-under=95

bench: install-dev ## measure; prints medians and ratios
	@for file in tests/bench/[a-z]*.py; do $(BIN)/python $$file || exit 1; done

lock: ## resolve setup.cfg anew and write requirements.lock
	@$(PYTHON) -m venv .setup-lock && .setup-lock/bin/pip install -q --upgrade pip
	@.setup-lock/bin/pip install -q --dry-run --ignore-installed --report .setup-lock/report.json '.[postgres,spark,assets,dev]'
	@.setup-lock/bin/python -c "import json; r = json.load(open('.setup-lock/report.json')); print('\n'.join(sorted((i['metadata']['name'] + '==' + i['metadata']['version'] for i in r['install'] if i['metadata']['name'] != 'jinqiao-crm'), key=str.lower)))" > requirements.lock
	@rm -rf .setup-lock && wc -l requirements.lock

wheel: install-dev assets ## build the wheel with assets and catalogues inside
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

assets: $(VENV)/.assets ## build stylesheets, scripts, icons and catalogues

install: $(VENV)/.installed assets

install-dev: $(VENV)/.installed-dev assets

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml requirements.lock
	@echo "installing the pinned packages …"
	@$(PIP) install -q -c requirements.lock setuptools wheel
	@$(PIP) install -q -c requirements.lock --no-build-isolation -e '.[postgres,assets]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the test tools …"
	@$(PIP) install -q -c requirements.lock --no-build-isolation -e '.[postgres,assets,dev]'
	@touch $@

$(VENV)/.assets: $(VENV)/.installed $(ASSET_SOURCES) $(CATALOGUES)
	@$(BIN)/python build_backend.py
	@touch $@

changelog: ## gather changes/ into CHANGELOG.md: make changelog VERSION=x.y.z
	@test -n "$(VERSION)" || { echo "say which: make changelog VERSION=x.y.z"; exit 2; }
	@{ echo "# Changelog"; echo; echo "## $(VERSION)"; \
	  for kind in added changed fixed removed security; do \
	    ls changes/*.$$kind.md >/dev/null 2>&1 || continue; echo; echo "### $$kind"; echo; \
	    for f in changes/*.$$kind.md; do sed '1s/^/- /; 2,$$s/^/  /' $$f; done; done; \
	  [ ! -f CHANGELOG.md ] || { echo; tail -n +3 CHANGELOG.md; }; } > CHANGELOG.new && mv CHANGELOG.new CHANGELOG.md
	@find changes -name '[0-9]*.md' -delete

clean: ## remove what set-up and builds made; keeps instance/
	@rm -rf $(VENV) build dist *.egg-info themes/node_modules themes/*/static/dist

.PHONY: help run test test-full check coverage bench lock wheel assets install install-dev changelog clean
