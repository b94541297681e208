"""Independent trainings in processes of their own, one thread each: small models gain nothing from more."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


def spread(function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Call `function` with each of `tasks`, as many at a time as torch was given threads; results in their order."""
    workers = max(1, min(torch.get_num_threads(), len(os.sched_getaffinity(0))))
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return [job.result() for job in [pool.submit(function, *task) for task in tasks]]
