# make demo   the embedded default, end to end: results/demo/report/index.html
# make test   the test suite
# make check  lint, format, types, import order, workflow lint
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test check environment
demo: environment
	snakemake --cores 4

test: environment .venv/kernels
	pytest -n 4

check: environment
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	lint-imports
	snakemake --lint

environment: .venv/complete

.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/kernels: .venv/complete requirements-kernels.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-kernels.lock
	touch $@
