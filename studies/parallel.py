"""Independent trainings in processes of their own, one thread each: small models gain nothing from more."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import torch

Value = TypeVar("Value")


def run_in_processes(function: Callable[..., Value], calls: Iterable[tuple[Any, ...]]) -> list[Value]:
    """Values of `function` for each tuple of arguments, in their order; as many at a time as torch has threads."""
    workers = max(1, min(torch.get_num_threads(), len(os.sched_getaffinity(0))))
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawning, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return [job.result() for job in [pool.submit(function, *arguments) for arguments in calls]]
