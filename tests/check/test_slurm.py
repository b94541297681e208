"""What Slurm says before anything is submitted becomes one sentence with the key that settles it."""

from pathlib import Path

import pytest

from hybridmap.check.slurm import Needs, jobs_without_log, refuse_what_slurm_refuses, sbatch_options
from hybridmap.errors import HybridmapError

SAYS = {
    "sbatch: error: invalid partition specified: x\nallocation failure: Invalid partition name specified": "slurm_part",
    "allocation failure: Invalid account or account/partition combination specified": "slurm_account",
    "allocation failure: Requested node configuration is not available": "mem_mb, max-threads",
    "sbatch: error: Invalid generic resource (gres) specification": "gpu, gpu_model or gres",
    "allocation failure: Invalid feature specification": "constraint",
    "allocation failure: Requested time limit is invalid (missing or exceeds some limit)": "runtime",
    "": "set-resources",
}
"""What Slurm 22.05 says → the beginning of the key."""


def pretend_sbatch(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int) -> Path:
    """A program that notes how it was called, says something and fails or not; the file with its notes."""
    (folder / "says").write_text(says)
    program = folder / "sbatch"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\ncat {folder}/says >&2\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "calls"


@pytest.mark.parametrize("says", SAYS)
def test_a_refusal_is_one_sentence_with_rule_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    calls = pretend_sbatch(tmp_path, monkeypatch, says, 1)
    jobs = {"train": Needs(1, {"mem_mb": 10}), "predict": Needs(2, {"mem_mb": 20})}
    with pytest.raises(HybridmapError, match=rf"^rule train: Slurm refuses its jobs: .*profile: {SAYS[says]}") as error:
        refuse_what_slurm_refuses(jobs)
    assert "\n" not in str(error.value)
    assert calls.read_text().count("\n") == 1  # it is not asked for the others


@pytest.mark.parametrize(
    "says",
    [
        "sbatch: error: fetch_config: DNS SRV lookup failed\nsbatch: fatal: Could not establish a configuration source",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    ],
)
def test_a_slurm_that_is_not_there_is_no_fault_of_a_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    pretend_sbatch(tmp_path, monkeypatch, says, 1)
    with pytest.raises(HybridmapError, match=r"^sbatch: .*workflow/profiles/local"):
        refuse_what_slurm_refuses({"train": Needs(1, {})})


def test_rules_that_ask_for_the_same_are_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pretend_sbatch(tmp_path, monkeypatch, "sbatch: Job 1 to start at 2026-11-27T09:01:42", 0)
    refuse_what_slurm_refuses({rule: Needs(1, {"mem_mb": 10, "runtime": 5}) for rule in ("a", "b", "c")})
    assert calls.read_text() == "--test-only --time=5 --mem=10 --ntasks=1 --cpus-per-task=1 --wrap true\n"


def test_without_slurm_the_profile_for_one_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HybridmapError, match=r"sbatch: no such program here; .*workflow/profiles/local"):
        refuse_what_slurm_refuses({"train": Needs(1, {})})


@pytest.mark.parametrize(
    ("resources", "options"),
    [
        ({"gres": "gpu:a100:2"}, ("--gres=gpu:a100:2", "--cpus-per-task=3")),
        ({"gpu": 2}, ("--gpus=2", "--cpus-per-task=3")),
        ({"gpu": 0}, ("--ntasks=1", "--cpus-per-task=3")),
        ({"gpu_model": "h100"}, ("--gpus=h100:1", "--cpus-per-task=3")),
        ({"cpus_per_task": -1, "slurm_account": "a b"}, ("--account=a b", "--ntasks=1")),
        (
            {"slurm_extra": "--mail-type=END --begin=now"},
            ("--ntasks=1", "--cpus-per-task=3", "--mail-type=END", "--begin=now"),
        ),
    ],
)
def test_options_are_those_of_the_plugin(resources: dict[str, object], options: tuple[str, ...]) -> None:
    assert sbatch_options(Needs(3, resources)) == options


SAID = """Job 0 has been submitted with SLURM jobid 5 (log: {folder}/rule_demo/5.log).
Error in rule demo:
    message: SLURM-job '5' failed, SLURM status is: '{state}'. Detailed failure reason unavailable
Job 0 has been submitted with SLURM jobid 6 (log: {folder}/rule_demo/6.log).
Error in rule demo:
    message: SLURM-job '6' failed, SLURM status is: 'FAILED'. Detailed failure reason unavailable
"""


def test_failed_jobs_without_a_log_are_of_nodes_that_do_not_see_the_folder(tmp_path: Path) -> None:
    said = SAID.format(folder=tmp_path, state="FAILED")
    assert jobs_without_log(said).startswith(
        f"Slurm job 5 and 1 more left no log ({tmp_path}/rule_demo/5.log): its node"
    )
    assert jobs_without_log(SAID.format(folder=tmp_path, state="CANCELLED")).startswith("Slurm job 6 left no log")
    (tmp_path / "rule_demo").mkdir()
    for job in (5, 6):
        (tmp_path / f"rule_demo/{job}.log").touch()
    assert jobs_without_log(said) == jobs_without_log("") == ""
