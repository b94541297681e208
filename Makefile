# The commands of a developer and of a first-time user; `make help` lists them.
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
CORES ?= $(shell nproc)

.PHONY: help demo test check site cluster-test format build fuzz nightly clean environment
.DEFAULT_GOAL := help

help:  ## list these commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | column -t -s '|'

demo: environment  ## the embedded default, end to end: results/demo/report/index.html
	snakemake --cores $(CORES)

test: environment .venv/kernels  ## the tests
	pytest -n $(CORES) -m "not nightly and not cluster"

check: environment  ## lint, format, names, docstrings, types, import order, workflow lint
	ruff check .
	ruff format --check .
	python tools/names.py
	python tools/docstrings.py
	snakefmt --check Snakefile workflow studies/Snakefile
	mypy
	lint-imports
	python tools/house.py --check docs/images/house.svg
	snakemake --lint

format: environment  ## put the code into its form
	ruff check --fix --exit-zero --quiet .
	ruff format --quiet .
	snakefmt Snakefile workflow studies/Snakefile
	python tools/house.py docs/images/house.svg

cluster-test: environment .venv/cluster  ## the workflow on a Slurm that is started on this machine (as root)
	pytest -n 0 -m "cluster and not nightly" -rs tests/cluster

site: .venv/docs  ## the documentation as a site, from docs/ and the docstrings: build/site/index.html
	NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict --quiet

build: environment .venv/package  ## wheel and source archive into dist/, and their check
	rm -rf dist
	python -m hatchling build
	twine check --strict dist/*

fuzz: environment  ## ten minutes of hostile input into every command: results/fuzz
	python -m fuzz --minutes 10

nightly: export HYBRIDMAP_FRESH_PROCESSES := 200
nightly: check test cluster-test demo fuzz  ## what takes up to two hours: all of the above, the studies and the benchmarks
	pytest -n $(CORES) -m nightly
	snakemake --cores $(CORES) --snakefile studies/Snakefile
	for script in clm5_speed kan_speed training_speed depth_speed cube_build map_speed wosis_streaming; do \
		python benchmarks/$$script.py || exit 1; done
	python -m fuzz --campaign names --minutes 20 --out results/fuzz_names
	python -m fuzz.kills --kills 50 --cores $(CORES)

clean:  ## remove what was made, but the environment and the results
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

environment: .venv/complete

.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/cluster: .venv/complete requirements-cluster.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-cluster.lock
	touch $@

.venv/docs: requirements-docs.lock
	mkdir -p .venv
	$(PYTHON) -m venv --clear .venv/docs
	.venv/docs/bin/pip install --quiet --disable-pip-version-check --requirement requirements-docs.lock
	touch $@

.venv/package: .venv/complete requirements-package.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-package.lock
	touch $@

.venv/kernels: .venv/complete requirements-kernels.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-kernels.lock
	touch $@
