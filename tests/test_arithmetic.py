"""The first parallel call of a fresh process computes like the second."""

import os
import pickle
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from hybridmap import arithmetic
from hybridmap.fingerprint import Code
from hybridmap.predict import dask_cluster, worker_start

FIRST_CALL = """
import torch
from hybridmap.process import get_process
torch.set_num_threads(2)
model = get_process("five_pool", formulation="relaxed")
g = torch.Generator().manual_seed(0)
span = {p.name: (p.lower, p.upper) for p in model.parameters if p.neural}
share = {n: torch.rand(2500, generator=g, dtype=torch.float64) for n in span}
parameters = {n: low + (0.1 + 0.8 * share[n]) * (high - low) for n, (low, high) in span.items()}
forcing = {"npp": 200 + 800 * share["cue"], "mat": 5 + 15 * share["q_max"]}
first, second = model(parameters, forcing), model(parameters, forcing)
assert all(torch.equal(first[n].nan_to_num(), second[n].nan_to_num()) for n in first)
x = 0.1 + share["cue"]
for name in ("sqrt", "exp", "log", "log1p", "expm1", "tanh", "sigmoid", "sin", "cos", "erf", "rsqrt"):
    function = getattr(torch, name)
    assert torch.equal(function(x), function(x)), name
"""
PROCESSES = int(os.environ.get("HYBRIDMAP_FRESH_PROCESSES", "6"))
"""Fresh processes to try; `make nightly` tries 200."""


@pytest.mark.slow
def test_the_first_call_of_a_fresh_process_equals_its_second() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    for number in range(PROCESSES):
        done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"process {number}: {done.stderr}"


def test_every_vector_function_in_the_sources_is_settled() -> None:
    names = {getattr(function, "__name__", "") for function in arithmetic.VECTOR_FUNCTIONS}
    functions = "sqrt|rsqrt|exp|expm1|log|log1p|log10|log2|sin|cos|tan|tanh|cosh|sinh|sigmoid|logit|erf"
    functions += "|softplus|silu|gelu|lgamma|digamma|atan|asin|acos"
    pattern = re.compile(rf"(?:(?:torch|functional)\.|[\w)\]]\.(?=\w+\(\)))({functions})_?\b")
    for path in (ROOT / "hybridmap").rglob("*.py"):
        for name in pattern.findall(path.read_text()):
            assert name in names, f"{path}: torch's {name} is called, but not settled in hybridmap/arithmetic.py"


def test_whatever_computes_with_torch_is_settled_before() -> None:
    """Whichever module a program, a worker or a dask task imports first."""
    code = Code()

    def imported(module: str) -> set[str]:
        reached: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name in code.modules and name not in reached:
                reached.add(name)
                waiting += [*code.dependencies(name), name.rpartition(".")[0]]
        return reached

    roots = {m: {entry.module.partition(".")[0] for entry in source.imports} for m, source in code.sources.items()}
    computing = [m for m, imports in roots.items() if "torch" in imports]
    assert len(computing) > 40
    assert [m for m in computing if arithmetic.__name__ not in imported(m)] == []


@pytest.mark.parametrize(
    "start",
    [
        f"import {worker_start.WORKER_MODULE}",  # what processes of a map are forked from
        f"import pickle; pickle.loads({pickle.dumps(dask_cluster._predict_tile)!r})",  # a task of dask
        "from hybridmap.encoders import get_encoder; get_encoder('kan')",
    ],
)
def test_a_worker_is_settled_before_its_first_task(start: str) -> None:
    program = f"import sys; {start}; assert {arithmetic.__name__!r} in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nightly_tries_two_hundred_fresh_processes() -> None:
    nightly = re.search(r"^nightly: export HYBRIDMAP_FRESH_PROCESSES := (\d+)$", (ROOT / "Makefile").read_text(), re.M)
    assert nightly
    assert int(nightly[1]) >= 200
