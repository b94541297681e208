#!/bin/sh
# Prints running, success or failed for the number of a PBS job; the history of ended jobs has to be on.
state=$(qstat -x -f "$1" 2>/dev/null)
case "$state" in
    *"job_state = F"* | *"job_state = C"*)
        case "$state" in *[Ee]"xit_status = 0"*) echo success ;; *) echo failed ;; esac ;;
    *) echo running ;;
esac
