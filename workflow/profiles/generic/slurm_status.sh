#!/bin/sh
# Prints running, success or failed for the number of a Slurm job.
state=$(squeue --noheader --states=all --jobs="$1" --format=%T 2>/dev/null)
case "$state" in
    COMPLETED) echo success ;;
    # No answer: the controller is busy, and says it at the next question.
    "" | PENDING | RUNNING | CONFIGURING | COMPLETING | SUSPENDED | REQUEUED | RESIZING | STAGE_OUT) echo running ;;
    *) echo failed ;;
esac
