"""Everything about a GPU in one run: agreement with the CPU, then speed and memory. At most eight minutes.

    PYTHONPATH=. python benchmarks/gpu.py --out gpu.json      # a bare node with PyTorch and Triton
    PYTHONPATH=. python benchmarks/gpu.py --dry-run           # no GPU: small, on the CPU, Triton interpreted
    PYTHONPATH=. python benchmarks/gpu.py --compile 90        # no GPU: what the kernels of CLM5 take of an H100

Imports the core alone (torch, numpy). Nothing is timed unless every model agrees with the CPU. A part for which the
time left is too short is skipped with a sentence. Writes one JSON and prints the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from clm5_speed import forcing as clm5_forcing
from torch import Tensor

from hybridmap.encoders.interface import as_encoder
from hybridmap.encoders.registry import build_encoder
from hybridmap.model.specification import build_model
from hybridmap.process import get_process
from hybridmap.process.base import ProcessModel
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members

Tensors = dict[str, Tensor]
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Largest difference from the CPU over the largest value of an output, by the type of the numbers."""
KERNEL_TOLERANCE = 1e-6
"""Largest relative difference of a gradient of the fused kernels."""
ENCODERS = (
    {"name": "linear"},
    {"name": "mlp", "hidden": [64, 32], "activation": "gelu", "dropout": 0.0},
    {"name": "nam"},
    {"name": "kan"},
)
PROCESSES = (
    ("five_pool", {"formulation": "constrained"}),
    ("five_pool", {"formulation": "relaxed"}),
    ("respiration", {}),
    ("water_retention", {}),
    ("clm5", {"kernel": "torch"}),
)
COUNTS = {"soc": 11_610, "poc": 5_700, "moc": 5_700, "mbc": 331}
"""Sites with each target, as in LUCAS."""
TRAINED = (
    ("five_pool", {"name": "mlp", "hidden": [256, 128, 64, 32], "activation": "gelu", "dropout": 0.0}),
    ("five_pool", {"name": "nam"}),
    ("five_pool", {"name": "kan"}),
    ("network", {"name": "mlp", "hidden": [256, 128, 64, 32], "activation": "gelu", "dropout": 0.0}),
)


class Sizes(NamedTuple):
    """How much is computed: on a GPU, or in a dry run."""

    agreement_sites: int
    clm5_batches: tuple[int, ...]
    repeats: int
    sites: int
    covariates: int
    epochs: int
    map_cells: int
    map_chunk: int
    clm5_cells: int
    clm5_chunk: int


FULL = Sizes(300, (1024, 8192, 65_536, 524_288), 20, 16_743, 168, 100, 40_000_000, 1_000_000, 8_000_000, 250_000)
DRY = Sizes(6, (6,), 1, 90, 4, 2, 3000, 1000, 60, 30)


@dataclass
class Bench:
    """Where things are computed, how large they are, and what was measured so far."""

    device: torch.device
    sizes: Sizes
    deadline: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Until the device has done all that it was told to."""
        if self.is_gpu:
            torch.cuda.synchronize(self.device)

    def seconds(self, run: Callable[[], object], repeats: int) -> float:
        """Median time of a call, started on an idle device and finished by it."""
        run()
        times = []
        for _ in range(repeats):
            self.wait()
            start = time.perf_counter()
            run()
            self.wait()
            times.append(time.perf_counter() - start)
        return sorted(times)[len(times) // 2]

    def add(self, subject: str, value: float, unit: str, aim: str = "") -> None:
        peak = torch.cuda.max_memory_allocated(self.device) / 1e9 if self.is_gpu else None
        self.rows.append({"what": subject, "value": value, "unit": unit, "aim": aim, "peak_memory_gb": peak})
        print(f"  {subject}: {value:.4g} {unit}", flush=True)


def relative_difference(values: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest value; infinite where one of the two is no number."""
    values = values.detach().cpu().double()
    expected = expected.detach().double()
    if not bool((torch.isfinite(values) == torch.isfinite(expected)).all()):
        return float("inf")
    finite = torch.isfinite(expected)
    if not bool(finite.any()):
        return 0.0
    scale = float(expected[finite].abs().max()) or 1.0
    return float((values[finite] - expected[finite]).abs().max()) / scale


def inputs_of(process: ProcessModel, sites: int, dtype: torch.dtype) -> tuple[Tensors, Tensors]:
    """Parameters within their bounds, and forcing within its range."""
    random = torch.Generator().manual_seed(1)
    parameters = {
        p.name: (p.lower + (p.upper - p.lower) * (0.2 + 0.6 * torch.rand(sites, generator=random))).to(dtype)
        for p in process.parameters
    }
    if process.name == "clm5":
        return parameters, {name: v.to(dtype) for name, v in clm5_forcing(sites).items()}
    driven = {}
    for variable in process.forcing:
        low, high = variable.valid_range or (0.0, 1.0)
        low, high = max(low, -1e3), min(high, 1e3)
        driven[variable.name] = (low + (high - low) * (0.3 + 0.4 * torch.rand(sites, generator=random))).to(dtype)
    return parameters, driven


def check(bench: Bench, subject: str, difference: float, limit: float) -> None:
    bench.add(f"difference from the CPU, {subject}", difference, "", f"< {limit:g}")
    if not difference < limit:
        sys.exit(f"gpu.py: {subject} differs from the CPU by {difference:.2g}, more than {limit:g}: nothing is timed.")


def agreement(bench: Bench) -> None:
    """Outputs of every process model and encoder, and gradients of the fused kernels."""
    for name, options in PROCESSES:
        process = get_process(name, **options)
        dtype = torch.float64
        parameters, driven = inputs_of(process, bench.sizes.agreement_sites, dtype)
        expected = process(parameters, driven)
        moved = [{k: v.to(bench.device) for k, v in values.items()} for values in (parameters, driven)]
        outputs = get_process(name, **options)(*moved)
        worst = max(relative_difference(outputs[k], expected[k]) for k in expected)
        check(bench, f"{name} {' '.join(map(str, options.values()))}".strip(), worst, TOLERANCES[dtype])
    x = torch.randn(bench.sizes.agreement_sites, 10, generator=torch.Generator().manual_seed(2))
    for options in ENCODERS:
        torch.manual_seed(0)
        encoder = build_encoder(options, 10, 5).eval()
        encoder.fit_range(x)
        expected = encoder(x)
        worst = relative_difference(encoder.to(bench.device)(x.to(bench.device)), expected)
        check(bench, f"encoder {options['name']}", worst, TOLERANCES[torch.float32])
    kernels(bench)


def by_name(process: ProcessModel, raw: Tensor) -> Tensors:
    """Parameters of CLM5 from numbers between 0 and 1, shape (site, 21)."""
    return {p.name: p.lower + (p.upper - p.lower) * raw[:, i] for i, p in enumerate(process.parameters)}


def step(kernel: str, raw: Tensor, driven: Mapping[str, Tensor]) -> Tensor:
    """Gradients of the summed SOC of the upper metre, (site, 21)."""
    process = get_process("clm5", as_published=True, kernel=kernel)
    return torch.autograd.grad(process(by_name(process, raw), dict(driven))["soc"][:, :9].sum(), raw)[0]


def unit(sites: int) -> Tensor:
    return 0.1 + 0.8 * torch.rand(sites, 21, generator=torch.Generator().manual_seed(1))


def kernels(bench: Bench) -> None:
    sites = bench.sizes.agreement_sites
    raw, driven = unit(sites).double(), {n: v.double() for n, v in clm5_forcing(sites).items()}
    expected = step("torch", raw.clone().requires_grad_(), driven)
    scale = expected.abs().amax(1, keepdim=True)
    moved = {n: v.to(bench.device) for n, v in driven.items()}
    gradients = step("triton", raw.to(bench.device).requires_grad_(), moved).cpu()
    worst = float(((gradients - expected).abs() / (expected.abs() + 1e-6 * scale)).max())
    check(bench, "gradients of the fused kernels of CLM5", worst, KERNEL_TOLERANCE)


def clm5(bench: Bench) -> None:
    """Sites a second, forward and backward, by fused kernels."""
    for batch in bench.sizes.clm5_batches:
        driven = {n: v.to(bench.device) for n, v in clm5_forcing(batch).items()}
        raw = unit(batch).to(bench.device).requires_grad_()
        fused = batch / bench.seconds(lambda: step("triton", raw, driven), bench.sizes.repeats)  # noqa: B023  at once
        bench.add(f"CLM5 forward and backward, batch {batch:,}", fused, "sites/s", "1e6 at the largest batch")
    if bench.is_gpu:
        plain = batch / bench.seconds(lambda: step("torch", raw, driven), 3)
        bench.add(f"CLM5 by tensor operations, batch {batch:,}", plain, "sites/s")


def spec_of(process: str, encoder: Mapping[str, object], covariates: int) -> dict[str, Any]:
    five_pool = {"name": "five_pool", "options": {"formulation": "constrained"}}
    return {
        "process": None if process == "network" else five_pool,
        "neural": "all", "shared": "none", "fixed": {}, "bounds": {}, "constraint": "sigmoid",
        "encoder": dict(encoder), "covariates": [f"c{i}" for i in range(covariates)], "forcing": ["npp", "mat"],
        "forcing_constants": {"depth": 0.2}, "targets": list(COUNTS),
    }  # fmt: skip


def lucas(bench: Bench) -> SiteData:
    """As many sites, covariates and observations of each target as LUCAS has."""
    g, n = torch.Generator().manual_seed(0), bench.sizes.sites
    driven = {"npp": 200 + 600 * torch.rand(n, generator=g), "mat": 2 + 14 * torch.rand(n, generator=g)}
    targets = {}
    for name, count in COUNTS.items():
        values = torch.exp(torch.randn(n, generator=g))
        values[torch.randperm(n, generator=g)[max(12, count * n // FULL.sites) :]] = float("nan")
        targets[name] = values.to(bench.device)
    covariates = torch.randn(n, bench.sizes.covariates, generator=g)
    return SiteData(covariates.to(bench.device), {k: v.to(bench.device) for k, v in driven.items()}, targets)


def training(bench: Bench) -> None:
    """Ten folds side by side, four models one after the other."""
    data, fold, total = lucas(bench), torch.arange(bench.sizes.sites) % 10, 0.0
    options = TrainingOptions(max_epochs=bench.sizes.epochs, patience=bench.sizes.epochs)
    for process, encoder in TRAINED:
        members = []
        for k in range(10):
            torch.manual_seed(k)
            model = build_model(spec_of(process, encoder, bench.sizes.covariates)).to(bench.device)
            rows, held_out = (fold != k) & (fold != (k + 1) % 10), fold == (k + 1) % 10
            members.append(Member(model, rows.nonzero()[:, 0], held_out.nonzero()[:, 0], k, f"fold {k}"))
        bench.wait()
        start = time.perf_counter()
        fit_members(members, data, options)
        bench.wait()
        total += time.perf_counter() - start
        bench.add(
            f"ten folds, {process} {encoder['name']}, {bench.sizes.epochs} epochs", time.perf_counter() - start, "s"
        )
    bench.add("ten folds x four models", total, "s", "< 120 s")


class Arrays(NamedTuple):
    """A map in the memory of the host: covariates (cell, covariate) and forcing (cell,), and room for the result."""

    covariates: Tensor
    forcing: Tensors
    result: Tensor


def streamed(bench: Bench, arrays: Arrays, chunk: int, compute: Callable[[Tensor, Tensors], Tensor]) -> None:
    """Chunks to the device, through the model and back; copies in streams of their own, so that they overlap."""
    main = torch.cuda.current_stream() if bench.is_gpu else None
    up, down = (torch.cuda.Stream(), torch.cuda.Stream()) if bench.is_gpu else (None, None)
    for start in range(0, len(arrays.result), chunk):
        part = slice(start, start + chunk)
        with torch.cuda.stream(up):
            covariates = arrays.covariates[part].to(bench.device, non_blocking=True)
            driven = {n: v[part].to(bench.device, non_blocking=True) for n, v in arrays.forcing.items()}
        if main is not None and up is not None:
            main.wait_stream(up)
            for tensor in (covariates, *driven.values()):
                tensor.record_stream(main)
        values = compute(covariates, driven)
        if main is not None and down is not None:
            down.wait_stream(main)
            values.record_stream(down)
        with torch.cuda.stream(down):
            arrays.result[part].copy_(values, non_blocking=True)
    bench.wait()


def mapped(bench: Bench, model: torch.nn.Module, arrays: Arrays, chunk: int, subject: str, aim: str) -> None:
    """Cells a second of a map, and what reading them alone would allow."""
    model = model.to(bench.device).eval()
    fast = as_encoder(model.encoder).fast(torch.float32)
    model.encoder = model.encoder if fast is None else fast
    targets = list(model.target_names)

    def compute(covariates: Tensor, driven: Tensors) -> Tensor:
        outputs = model(covariates, driven)
        return torch.stack([outputs[name].float() for name in targets], 1)

    def read(covariates: Tensor, driven: Tensors) -> Tensor:
        return covariates[:, : len(targets)]

    cells = len(arrays.result)
    with torch.inference_mode():
        limit = cells / bench.seconds(lambda: streamed(bench, arrays, chunk, read), 1)
        speed = cells / bench.seconds(lambda: streamed(bench, arrays, chunk, compute), 1)
    if not bool(torch.isfinite(arrays.result).all()):
        bench.notes.append(f"{subject}: some cells have no value.")
    bench.add(f"map, {subject}", speed, "cells/s", aim)
    bench.add(f"map, {subject}: transfers alone", limit, "cells/s")


def host(bench: Bench, *shape: int) -> Tensor:
    return torch.empty(*shape, pin_memory=bench.is_gpu)


def five_pool_map(bench: Bench) -> None:
    cells, covariates = bench.sizes.map_cells, 64
    arrays = Arrays(
        host(bench, cells, covariates).normal_(generator=torch.Generator().manual_seed(0)),
        {"npp": host(bench, cells).fill_(500.0), "mat": host(bench, cells).fill_(9.0)},
        host(bench, cells, len(COUNTS)),
    )
    model = build_model(spec_of(*TRAINED[0], covariates))
    mapped(bench, model, arrays, bench.sizes.map_chunk, "five pools, 64 covariates", "5e7, or the limit of reading")


def clm5_map(bench: Bench) -> None:
    """CLM5 as maps are made of it: forcing looked up in the cells of a land model."""
    with tempfile.TemporaryDirectory() as folder:
        table, places = Path(folder) / "cells.npz", 50 if bench.is_gpu else 5
        np.savez(table, **{k: np.asarray(v) for k, v in clm5_forcing(places).items()})
        cells, covariates = bench.sizes.clm5_cells, 64
        spec = spec_of("five_pool", TRAINED[0][1], covariates) | {
            "process": {"name": "clm5_interval", "options": {"table": str(table), "kernel": bench_kernel(bench)}},
            "forcing": ["clm5_cell"], "forcing_constants": {}, "targets": ["soc_stock_1m"],
        }  # fmt: skip
        cell = (torch.arange(cells) % places).float()
        arrays = Arrays(
            host(bench, cells, covariates).normal_(generator=torch.Generator().manual_seed(0)),
            {"clm5_cell": host(bench, cells).copy_(cell)},
            host(bench, cells, 1),
        )
        mapped(
            bench,
            build_model(spec),
            arrays,
            bench.sizes.clm5_chunk,
            "CLM5, 64 covariates",
            "5e6, or the limit of reading",
        )


def bench_kernel(bench: Bench) -> str:
    """Fused kernels where they are fast; the interpreter only shows that they are right."""
    return "triton" if bench.is_gpu else "torch"


class Part(NamedTuple):
    """What is measured, and about how long that takes on a GPU [s]."""

    title: str
    needs_s: float
    run: Callable[[Bench], None]


PARTS = (
    Part("agreement with the CPU", 90.0, agreement),
    Part("CLM5, forward and backward", 60.0, clm5),
    Part("map of the five-pool model", 40.0, five_pool_map),
    Part("map of CLM5", 40.0, clm5_map),
    Part("ten folds x four models", 150.0, training),
)


def measure(bench: Bench) -> None:
    for part in PARTS:
        left = bench.deadline - time.monotonic()
        if bench.rows and left < part.needs_s:
            bench.notes.append(f"{part.title}: skipped, {left:.0f} s are left and it needs about {part.needs_s:.0f} s.")
            print(bench.notes[-1], flush=True)
            continue
        print(part.title, flush=True)
        if bench.is_gpu:
            torch.cuda.reset_peak_memory_stats(bench.device)
        try:
            part.run(bench)
        except torch.OutOfMemoryError:
            bench.notes.append(f"{part.title}: the memory of the device does not suffice.")
            print(bench.notes[-1], flush=True)


def table(bench: Bench) -> Iterator[str]:
    yield "| measured | value | to reach | peak memory [GB] |"
    yield "|---|---|---|---|"
    for row in bench.rows:
        peak = "–" if row["peak_memory_gb"] is None else f"{row['peak_memory_gb']:.1f}"
        yield f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row['aim'] or '–'} | {peak} |"


@contextmanager
def one_thread(is_dry: bool) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if is_dry else threads)
    yield
    torch.set_num_threads(threads)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="without a GPU, small: shows that the script works")
    parser.add_argument("--minutes", type=float, default=7.5, help="later parts are skipped rather than overrun it")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="JSON to write")
    parser.add_argument("--compile", type=int, nargs="+", metavar="CAPABILITY", help="90 for an H100, 80 for an A100")
    args = parser.parse_args(words)
    if args.compile:
        from clm5_kernels import compile_for

        for capability in args.compile:
            compile_for(capability)
        return
    if args.dry_run:
        os.environ["TRITON_INTERPRET"] = "1"
    elif not torch.cuda.is_available():
        sys.exit(
            "gpu.py: no CUDA device here; --dry-run shows that the script works, --compile 90 compiles the kernels."
        )
    device = torch.device("cpu" if args.dry_run else "cuda")
    bench = Bench(device, DRY if args.dry_run else FULL, time.monotonic() + 60 * args.minutes)
    name = "dry run on the CPU: no number says anything of a GPU" if args.dry_run else torch.cuda.get_device_name()
    print(f"{name}, torch {torch.__version__}", flush=True)
    begin = time.monotonic()
    with one_thread(args.dry_run):
        measure(bench)
    record = {
        "device": name, "torch": torch.__version__, "dry_run": args.dry_run, "rows": bench.rows, "notes": bench.notes,
        "seconds": round(time.monotonic() - begin, 1),
    }  # fmt: skip
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("\n" + "\n".join([*table(bench), *bench.notes]))


if __name__ == "__main__":
    main()
