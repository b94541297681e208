#!/bin/sh
# Run by Snakemake after it has made the environment: hybridmap itself, from the folder of the workflow.
exec pip install --no-deps .
