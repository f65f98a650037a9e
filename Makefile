# make serve     set up .venv and run the demo
# make test      lint, types and all tests on one Python
# make test-all  every installed Python of 3.11-3.13; every distribution alone, from its wheel
# make help      the rest
#
# Needs Python 3.11 or newer, with venv, and make. `make PYTHON=python3.13 ...` chooses the Python of a new .venv.

# What `make serve` runs, with .venv/bin before the rest of PATH.
DEMO := plugserve serve http-files@127.0.0.1:8080 echo@tcp://127.0.0.1:7007,udp://127.0.0.1:7007 daytime@127.0.0.1:7013 --option http-files.root=docs/demo --with access,log

VENV := .venv
BIN := $(VENV)/bin
BENCH := .bench
AUDIT := .audit
JOBS ?= auto
PYTEST_FLAGS ?=
MEMBERS := $(wildcard core/pyproject.toml plugins/*/pyproject.toml contrib_handlers/*/pyproject.toml)

# The first Python that is new enough and can make environments (Debian packages venv's half of that apart).
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help serve setup test lint types tests test-all format coverage bench tls-audit docs docs-links constraints changelog clean FORCE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

serve: $(VENV)/.members ## set up .venv and run the demo
	@echo '$(DEMO)'; PATH="$(CURDIR)/$(BIN):$$PATH" exec $(DEMO)

setup: $(VENV)/.tools ## set up .venv: every distribution editable, and the tools

test: lint types tests ## lint, types and all tests on one Python

lint: $(VENV)/.tools ## ruff's rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.tools ## mypy, strict
	$(BIN)/mypy

# Tests that measure run after the others, with nothing beside them. Exit code 5 says that there are none.
tests: $(VENV)/.tools ## all tests on one Python
	$(BIN)/pytest -n $(JOBS) --maxprocesses=4 --dist=worksteal -m 'not alone' $(PYTEST_FLAGS)
	$(BIN)/pytest -m alone $(PYTEST_FLAGS) || test $$? -eq 5

test-all: $(VENV)/.tools ## every Python, and every distribution alone, from its wheel
	$(BIN)/python tests/workspace/everywhere.py

format: $(VENV)/.tools ## let ruff format, and mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: $(VENV)/.tools ## all tests on one Python, with the lines that none of them reached
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m 'not alone' $(PYTEST_FLAGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(VENV)/.tools ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going docs docs/_build/html
	@echo 'open docs/_build/html/index.html'

docs-links: $(VENV)/.tools ## ask every outer address that the documentation links to (needs the network)
	$(BIN)/sphinx-build --quiet -b linkcheck docs docs/_build/links

constraints: $(VENV)/.tools ## write constraints.txt anew, with the newest versions
	$(BIN)/python tests/workspace/pin.py

bench: $(BENCH)/.peers ## measure beside other servers (20 minutes), and renew the figures in the documentation
	$(BENCH)/venv/bin/python tests/benchmarks/run.py --write

tls-audit: $(AUDIT)/.programs ## what sslyze and testssl.sh find in a server that encrypts (3 minutes)
	$(AUDIT)/venv/bin/python tests/tls/audit.py

changelog: $(VENV)/.tools ## show what the next release will say
	$(BIN)/towncrier build --draft --version next

clean: ## remove .venv and all caches
	rm -rf $(VENV) $(BENCH) $(AUDIT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov dist docs/_build
	find core plugins contrib_handlers tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up happens once: each stamp is older than what it depends on only when there is something to do, and then pip is
# asked. Nothing here needs the network when the stamps are fresh.
$(VENV)/pyvenv.cfg:
	@test -n '$(PYTHON)' || { echo 'no Python >= 3.11 with venv on PATH: install one, or make PYTHON=path/to/python' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A folder that came or went; its files' times alone would not tell of one that went.
$(VENV)/.list: FORCE | $(VENV)/pyvenv.cfg
	@echo '$(MEMBERS)' | cmp -s - $@ || echo '$(MEMBERS)' > $@

$(VENV)/.members: $(VENV)/.list $(MEMBERS) constraints.txt | $(VENV)/pyvenv.cfg
	$(BIN)/python tests/workspace/install.py members
	@touch $@

$(VENV)/.tools: $(VENV)/.members pyproject.toml
	$(BIN)/python tests/workspace/install.py tools
	@touch $@

# An environment of its own, so that nothing but the benchmarks depends on other servers.
$(BENCH)/.peers: $(VENV)/.list $(MEMBERS) constraints.txt tests/benchmarks/peers.txt
	test -x $(BENCH)/venv/bin/python || $(PYTHON) -m venv $(BENCH)/venv
	$(BENCH)/venv/bin/python tests/workspace/install.py members
	$(BENCH)/venv/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/benchmarks/peers.txt
	@touch $@

$(AUDIT)/.programs: $(VENV)/.list $(MEMBERS) constraints.txt tests/tls/requirements.txt
	test -x $(AUDIT)/venv/bin/python || $(PYTHON) -m venv $(AUDIT)/venv
	$(AUDIT)/venv/bin/python tests/workspace/install.py members
	$(AUDIT)/venv/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/tls/requirements.txt
	@touch $@
