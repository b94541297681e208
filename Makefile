# make test   the test suite
# make check  lint, format and types
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: test check environment
test: environment
	pytest -n 4

check: environment
	ruff check .
	ruff format --check .
	mypy

environment: .venv/complete

.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
