"""Time the CLM5 matrix model, forward and backward, against a vectorised dense solve with the same assembly.

    python benchmarks/clm5_speed.py

float32 interface, synthetic forcing with seasonal active layers, best of several runs, one thread unless said. The
rival shares our vectorised assembly and differs in the solve: a dense 140 x 140 matrix a site and torch.linalg.solve
with autograd. Also prints the memory that the backward pass keeps, and the time of the parts.
"""

import time
from collections.abc import Callable

import torch

from hybridmap.process import get_process
from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.inputs import depth_fractions, layer_inputs
from hybridmap.process.clm5.matrix import PARAMETERS

PAIRS = {
    (2, 0): "fcwdl2", (4, 1): "fl1s1", (4, 2): "fl2s1", (5, 3): "fl3s2", (5, 4): "fs1s2", (6, 4): "fs1s3",
    (4, 5): "fs2s1", (6, 5): "fs2s3", (4, 6): "fs3s1",
}  # fmt: skip
TAU = ("taucwd", "taul1", "taul2", "taul2", "tau4s1", "tau4s2", "tau4s3")
Tensors = dict[str, torch.Tensor]


def forcing(sites: int) -> Tensors:
    random = torch.Generator().manual_seed(0)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=random)

    out = {f"input_{n}": uniform(1, 40, sites, 12) for n in ("cwd", "litter1", "litter2", "litter3")}
    # A third of the sites is permafrost with an active layer that deepens through the year.
    frozen = torch.arange(sites) % 3 == 0
    depth = torch.where(frozen, uniform(0.5, 1.8, sites), torch.tensor(41.998))
    out["altmax_lastyear"] = depth[:, None].expand(sites, 12) * torch.where(frozen, 0.8, 1.0)[:, None]
    out["altmax"] = depth[:, None] * torch.linspace(0.5, 1.0, 12)
    out["nbedrock"] = uniform(6, 25, sites, 1).expand(sites, 12)
    for name, low, high in (("o_scalar", 0.6, 1.0), ("n_scalar", 0.4, 1.0), ("w_scalar", 0.1, 1.0)):
        out[name] = uniform(low, high, sites, 20, 12)
    out["soil_temperature"] = uniform(262, 300, sites, 20, 12)
    return out


def dense(model: object, parameters: Tensors, f: Tensors) -> torch.Tensor:
    """SOC (site, layer) by one dense matrix a site."""
    p = {n: v.double() for n, v in parameters.items()}
    f = {n: v.double() for n, v in f.items()}
    sites = f["input_cwd"].shape[0]
    decay, litter = model.decay(p, f)  # type: ignore[attr-defined]
    k = torch.stack([(litter if q in (1, 2, 3) else decay) / (DAYS * p[t]) for q, t in enumerate(TAU)])
    lower, diagonal, upper = (b.T for b in model.bands(p, f))  # type: ignore[attr-defined]
    v = torch.diag_embed(diagonal) + torch.diag_embed(lower[:, 1:], -1) + torch.diag_embed(upper[:, :-1], 1)
    rows = []
    for r in range(7):
        row = []
        for q in range(7):
            block = torch.diag_embed(k[q].T) if r == q else torch.zeros_like(v)
            if (r, q) in PAIRS or (r, q) == (3, 0):
                share = 1 - p["fcwdl2"] if (r, q) == (3, 0) else p[PAIRS[r, q]]
                block = -torch.diag_embed((share * k[q]).T)
            row.append(block + v if r == q and r else block)
        rows.append(torch.cat(row, dim=2))
    matrix = torch.cat(rows, dim=1)
    supply = layer_inputs(f, depth_fractions(p["beta"], f, True)).permute(2, 0, 1).reshape(sites, 80)
    right = torch.cat([supply, supply.new_zeros(sites, 60)], dim=1)
    pools = torch.linalg.solve(matrix, right).reshape(sites, 7, 20)
    return pools[:, 4:].sum(1)


def best(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def saved_bytes(run: Callable[[], torch.Tensor]) -> int:
    """Bytes of distinct storages that autograd keeps for the backward pass."""
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        run()
    return sum(sizes.values())


def floors(f: Tensors) -> tuple[float, float]:
    """Seconds that no program of these equations can go below here: moving the forcing, and its exponentials.

    The forcing read once forward and once backward at the speed of a copy, and one float64 exponential for each layer
    and month.
    """
    sites = f["input_cwd"].shape[0]
    numbers = sum(v.numel() for v in f.values())
    source, target = torch.rand(numbers), torch.empty(numbers)
    moved = best(lambda: target.copy_(source), 20)  # reads and writes: twice the bytes of one pass
    exponents = torch.rand(sites, 240, dtype=torch.float64)
    out = torch.empty_like(exponents)
    return moved, best(lambda: torch.exp(exponents, out=out), 20)


def main() -> None:
    model = get_process("clm5", as_published=True)
    low = torch.tensor([p.lower for p in PARAMETERS])
    high = torch.tensor([p.upper for p in PARAMETERS])
    print(
        "| batch | threads | forward [ms/site] | forward + backward [ms/site] | dense, both [ms/site] | ratio |"
        " kept [kB/site] |"
    )
    print("|---|---|---|---|---|---|---|")
    for batch, threads in ((32, 1), (256, 1), (1024, 1), (8192, 1), (1024, 4), (8192, 4)):
        torch.set_num_threads(threads)
        f = forcing(batch)
        raw = (0.1 + 0.8 * torch.rand(batch, 21, generator=torch.Generator().manual_seed(1))).requires_grad_()

        def parameters(raw: torch.Tensor = raw) -> Tensors:
            values = low + raw * (high - low)
            return {p.name: values[:, i] for i, p in enumerate(PARAMETERS)}

        def solve_by_matrix(f: Tensors = f) -> torch.Tensor:
            return model(parameters(), f)["soc"]

        def backward(solve: Callable[[], torch.Tensor], raw: torch.Tensor = raw) -> object:
            return torch.autograd.grad(solve().sum(), raw)

        repeats = max(3, min(60, 20000 // batch))
        with torch.no_grad():
            forward = best(solve_by_matrix, repeats)
        total = best(lambda: backward(solve_by_matrix), repeats)
        scale, against = 1e3 / batch, "– | –"
        if batch <= 1024:  # the dense matrices of more sites need gigabytes
            rival = best(lambda f=f: backward(lambda: dense(model, parameters(), f)), 2)
            against = f"{rival * scale:.2f} | {rival / total:.0f}x"
        saved = saved_bytes(solve_by_matrix) / batch / 1e3
        print(
            f"| {batch} | {threads} | {forward * scale:.4f} | {total * scale:.4f} | {against} | {saved:.0f} |",
            flush=True,
        )
    print("\n| batch | threads | moving the forcing [ms/site] | exponentials [ms/site] |\n|---|---|---|---|")
    for batch, threads in ((1024, 1), (8192, 1), (8192, 4)):
        torch.set_num_threads(threads)
        moved, exponentials = (1e3 * t / batch for t in floors(forcing(batch)))
        print(f"| {batch} | {threads} | {moved:.5f} | {exponentials:.5f} |")


if __name__ == "__main__":
    main()
