"""Events of a scheduler drawn at random while a small region is made: none may change a byte of its results."""

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.conftest import (
    ALL,
    SLURM,
    Region,
    bring_back,
    call,
    fail,
    kill_daemon,
    kill_machine,
    let_start,
    requeue,
    same_results,
    until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.nightly]
EVENTS = 30
"""Events of the campaign, at least."""
SEED = 1
ROUNDS = 5
"""Regions at most."""
A_RULE = 2
"""Events that hit the jobs of one rule of a region, at most: all rules get some, and the region comes to its end."""


def running() -> list[str]:
    """Numbers of the jobs that run; those that Slurm would keep waiting after an event are let start."""
    for line in call("squeue", "-h", "-t", "pending", "-o", "%i %r", check=False).splitlines():
        job, _, reason = line.partition(" ")
        if reason == "BeginTime":
            call("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
        elif "held" in reason:  # a node was lost while it started the job
            call("scontrol", "release", job, check=False)
    return call("squeue", "-h", "-t", "running", "-o", "%i", check=False).split()


def rule_of(job: str) -> str:
    """What a job makes; empty if it has just ended."""
    return call("squeue", "-h", "-j", job, "-o", "%k", check=False).strip()


def node_of(job: str) -> str:
    """The node on which a job runs; empty if it has just ended."""
    return call("squeue", "-h", "-j", job, "-o", "%N", check=False).strip()


class Campaign:
    """A region under way, and what can happen to it."""

    def __init__(self, region: Region, daemons: Path) -> None:
        self.region = region
        self.daemons = daemons
        self.driver = self.start()

    def is_over(self) -> bool:
        """Whether Snakemake has ended, while requeued jobs are let start."""
        running()
        return self.driver.poll() is not None

    def start(self) -> "subprocess.Popen[str]":
        """Start Snakemake, with attempts enough for all events."""
        return self.region.start(*SLURM, "--retries", str(EVENTS))

    def cancelled(self, job: str) -> None:
        """By a user."""
        call("scancel", job, check=False)

    def processes_killed(self, job: str) -> None:
        """By the kernel of a node without memory."""
        call("scancel", "--full", "--signal=KILL", job, check=False)

    def requeued(self, job: str) -> None:
        """By a scheduler that needs the node."""
        requeue(job)

    def suspended_for_a_while(self, job: str) -> None:
        """By an operator."""
        call("scontrol", "suspend", job, check=False)
        time.sleep(3)
        call("scontrol", "resume", job, check=False)

    def node_down(self, job: str) -> None:
        """A node is taken down, and brought back; Slurm requeues its job."""
        if node := node_of(job):
            fail(node)
            let_start(job)
            bring_back(node, self.daemons)

    def node_daemon_killed(self, job: str) -> None:
        """The daemon of a node dies, and is started again while its job goes on."""
        if node := node_of(job):
            kill_daemon(node, self.daemons)
            time.sleep(1)
            call("slurmd", "-N", node)

    def node_lost_power(self, job: str) -> None:
        """A node dies with all that runs on it, is missed, and comes back."""
        if node := node_of(job):
            kill_machine(node, self.daemons)
            fail(node)  # as Slurm itself does when a node does not answer for long
            let_start(job)
            call("slurmd", "-N", node)
            time.sleep(2)  # until it has told that it is there
            bring_back(node, self.daemons)

    def driver_killed_and_jobs_left(self, job: str) -> None:
        """Snakemake dies; its jobs go on beside those of the next one."""
        self.driver.kill()
        self._start_again()

    def driver_killed_and_jobs_cancelled(self, job: str) -> None:
        """Snakemake dies; its jobs are cancelled, as the docs say."""
        self.driver.kill()
        call("scancel", "-u", "root", check=False)
        self._start_again()

    def driver_interrupted(self, job: str) -> None:
        """Ctrl-C."""
        self.driver.send_signal(signal.SIGINT)
        self._start_again()

    def _start_again(self) -> None:
        self.driver.wait(120)
        self.region.run("--unlock")
        self.driver = self.start()


KINDS: tuple[Callable[[Campaign, str], None], ...] = (
    Campaign.cancelled,
    Campaign.processes_killed,
    Campaign.requeued,
    Campaign.suspended_for_a_while,
    Campaign.node_down,
    Campaign.node_daemon_killed,
    Campaign.node_lost_power,
    Campaign.driver_killed_and_jobs_left,
    Campaign.driver_killed_and_jobs_cancelled,
    Campaign.driver_interrupted,
)


def test_events_drawn_at_random_lose_nothing(slurm: Path, local: Region, tmp_path: Path) -> None:
    draw, counts = random.Random(SEED), Counter[str]()
    deck = [kind for _ in range(-(-EVENTS // len(KINDS))) for kind in KINDS]  # each as often as the others
    draw.shuffle(deck)
    with (tmp_path / "events.csv").open("w", buffering=1) as table:
        for round_ in range(ROUNDS):
            if counts.total() >= EVENTS:
                break
            campaign, hits = Campaign(Region(tmp_path / f"region{round_}"), slurm), Counter[str]()
            while deck and until(running, campaign.driver, 300):
                time.sleep(draw.uniform(0.5, 6.0))
                jobs = sorted(running())
                if not jobs or not (name := rule_of(job := draw.choice(jobs))) or hits[name] == A_RULE:
                    continue
                kind = deck.pop()
                hits[name] += 1
                kind(campaign, job)
                counts[kind.__name__] += 1
                table.write(f"{round_},{time.strftime('%T')},{kind.__name__},{name}\n")
            until(campaign.is_over, campaign.driver, 900)
            assert campaign.driver.wait() == 0, campaign.region.said()[-5000:]
            assert same_results(local, campaign.region, *ALL) > 40
            table.write(f"{round_},{time.strftime('%T')},equal to the local run,\n")
            campaign.region.end()
    assert counts.total() >= EVENTS, counts
