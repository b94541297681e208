#!/bin/sh
# Run by Snakemake after it has made the environment: hybridmap itself, from the clone that the run starts in.
if ! grep -qs '^name = "hybridmap"' pyproject.toml; then
    echo "--sdm conda: $PWD is no clone of hybridmap, from which it would be installed; start there, or without --sdm." >&2
    exit 1
fi
exec pip install --no-deps .
