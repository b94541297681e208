"""An executor of Snakemake that computes nothing: a job ends at the next look at it, well or not, as a seed says.

What happens is written to ``events.log`` in the folder of the run, a line each: rule, files, attempt, kind.
"""

import hashlib
import os
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

SEED, SHARE = os.environ.get("PRETENDED_SEED", "0"), float(os.environ.get("PRETENDED_FAILURES", "0.1"))
NEVER = os.environ.get("PRETENDED_NEVER", "\0")
"""A job whose files hold this text never ends well."""
KINDS = "before", "half", "absent"
"""Failures: before anything is written, with some files written, and a good end without any."""

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    """Jobs by their files, and how often each was submitted to this executor."""

    def __post_init__(self) -> None:
        """Nothing was submitted yet."""
        self.submitted: Counter[str] = Counter()

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job, and decide how it will end."""
        name = f"{job.name} {' '.join(map(str, job.output))}"
        self.submitted[name] += 1
        kind = self._kind(name, self.submitted[name])
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=str(job.jobid), aux={"kind": kind}))
        with Path("events.log").open("a") as log:
            log.write(f"{name}\t{job.attempt}\t{kind}\n")

    def _kind(self, name: str, number: int) -> str:
        """How a submission ends; another number of the same job is another chance."""
        digits = hashlib.sha256(f"{SEED} {name} {number}".encode()).digest()
        if NEVER in name:
            return KINDS[0]
        return KINDS[digits[1] % len(KINDS)] if int.from_bytes(digits[2:4]) / 65536 < SHARE else "well"

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """End all jobs; none goes on."""
        for info in active_jobs:
            kind, files = info.aux["kind"], [*map(Path, info.job.output), Path(info.job.benchmark)]
            for file in {"well": files, "half": files[:1]}.get(kind, []):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("{}")
            if kind in ("well", "absent"):
                self.report_job_success(info)
            else:
                self.report_job_error(info)
        for info in ():
            yield info

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Nothing runs that could be cancelled."""
