"""What Slurm would refuse of a run, asked before anything is submitted; and jobs whose node does not see the folder."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hybridmap.errors import HybridmapError

OPTIONS = {
    "slurm_account": "--account",
    "slurm_partition": "--partition",
    "runtime": "--time",
    "constraint": "--constraint",
    "qos": "--qos",
    "gres": "--gres",
    "nodes": "--nodes",
    "mem_mb_per_cpu": "--mem-per-cpu",
    "mem_mb": "--mem",
}
"""Resource of a job → option of ``sbatch`` by which the plugin of Snakemake asks for it."""
KEYS = {
    "partition name": "slurm_partition",
    "account": "slurm_account, and the partition that it may use",
    "generic resource": "gpu, gpu_model or gres",
    "feature": "constraint",
    "qos": "qos",
    "time limit": "runtime",
    "node configuration": "mem_mb, max-threads or the kind of GPU: more than any node of the partition has",
}
"""What Slurm says → the key of a profile that settles it."""
SUBMITTED = re.compile(r"submitted with SLURM jobid (\d+) \(log: (.+)\)\.")
FAILED = re.compile(r"SLURM-job '(\d+)' failed, SLURM status is: 'FAILED'")
"""What Snakemake says of jobs, as its plugin for Slurm words it."""
ELSEWHERE = "a profile for Slurm is for a login node of its cluster, that for one machine is workflow/profiles/local."
ANSWER_S = 60.0
"""Seconds that Slurm has to answer."""


class Needs(NamedTuple):
    """What a job asks for.

    Attributes
    ----------
    threads : int
        Cores.
    resources : mapping of str to Any
        By the names of Snakemake.
    """

    threads: int
    resources: Mapping[str, Any]


def refuse_what_slurm_refuses(jobs: Mapping[str, Needs]) -> None:
    """Ask Slurm whether it would take the jobs of each rule, and submit none.

    Parameters
    ----------
    jobs : mapping of str to Needs
        What a job of each rule asks for at its first attempt.

    Raises
    ------
    HybridmapError
        If Slurm would refuse one, naming the rule and the key of the profile, or does not answer.
    """
    rules = {sbatch_options(needs): rule for rule, needs in jobs.items()}
    for options, rule in rules.items():
        if reason := _refusal(options):
            key = next((key for words, key in KEYS.items() if words in reason.lower()), "set-resources")
            raise HybridmapError(
                f"rule {rule}: Slurm refuses its jobs: {reason} (sbatch {shlex.join(options)}); change it in the"
                f" profile: {key}."
            )


def jobs_without_log(messages: str) -> str:
    """Say which failed jobs could not even begin a log, as their node does not see the folder.

    Parameters
    ----------
    messages : str
        What Snakemake said in a run.

    Returns
    -------
    str
        A sentence; "" if there are none.
    """
    logs = {job: Path(file) for job, file in SUBMITTED.findall(messages)}
    jobs = [job for job in FAILED.findall(messages) if job in logs and not logs[job].exists()]
    if not jobs:
        return ""
    remark = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    return (
        f"Slurm job {jobs[0]}{remark} left no log ({logs[jobs[0]]}): its node does not see this folder, which has to"
        f" lie on a disk that all nodes share; 'scontrol show job {jobs[0]}' names the node."
    )


def sbatch_options(needs: Needs) -> tuple[str, ...]:
    """What a job asks of Slurm.

    Examples
    --------
    >>> sbatch_options(Needs(2, {"mem_mb": 800, "gpu": 1, "gpu_model": "h100", "slurm_partition": "long"}))
    ('--partition=long', '--mem=800', '--gpus=h100:1', '--cpus-per-task=2')
    >>> sbatch_options(Needs(1, {"mem_mb": 800, "mem_mb_per_cpu": 400}))
    ('--mem-per-cpu=400', '--ntasks=1', '--cpus-per-task=1')
    """
    resources = {name: value for name, value in needs.resources.items() if value not in (None, "")}
    if "mem_mb_per_cpu" in resources:
        resources.pop("mem_mb", None)
    options = [f"{option}={resources[name]}" for name, option in OPTIONS.items() if name in resources]
    model = resources.get("gpu_model")
    if model or resources.get("gpu"):
        options.append(f"--gpus={f'{model}:' if model else ''}{resources.get('gpu', 1)}")
    elif "gpu" not in str(resources.get("gres")):
        options.append("--ntasks=1")
    cores = resources.get("cpus_per_task", needs.threads)
    options += [f"--cpus-per-task={cores}"] if cores > 0 else []
    return (*options, *shlex.split(str(resources.get("slurm_extra", ""))))


def _refusal(options: tuple[str, ...]) -> str:
    """Why Slurm would refuse a job; "" if it would not."""
    command = ["sbatch", "--test-only", *options, "--wrap", "true"]
    try:
        answer = subprocess.run(
            command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=ANSWER_S
        )
    except FileNotFoundError:
        raise HybridmapError(f"sbatch: no such program here; {ELSEWHERE}") from None
    except subprocess.TimeoutExpired:
        raise HybridmapError(f"sbatch: Slurm has not answered for {ANSWER_S:.0f} s; is its controller up?") from None
    reason = _reason(answer.stderr) if answer.returncode else ""
    if reason.startswith("fatal: ") or "contact slurm" in reason:
        raise HybridmapError(f"sbatch: {reason.removeprefix('fatal: ')}; {ELSEWHERE}")
    return reason


def _reason(text: str) -> str:
    r"""The last of what ``sbatch`` says, without who says it.

    Examples
    --------
    >>> _reason("sbatch: error: invalid partition specified: a\nallocation failure: Invalid partition name specified")
    'Invalid partition name specified'
    """
    lines = [line for line in text.splitlines() if line.strip()] or ["it does not say why"]
    return lines[-1].removeprefix("sbatch: ").removeprefix("error: ").removeprefix("allocation failure: ").rstrip(".")
