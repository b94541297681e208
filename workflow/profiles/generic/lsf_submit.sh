#!/bin/sh
# Submits a job to LSF, whose answer is a sentence, and prints its number alone.
bsub "$@" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
