"""Time a training step of the KAN encoder against pykan's KANLayer and an MLP, in one interleaved run.

    pip install pykan scikit-learn tqdm pandas matplotlib sympy
    python benchmarks/kan_speed.py

Batch 1,024, 30 intervals, cubic, float32, one thread, forward + backward of a mean square; median of interleaved
rounds. Also checks that both give the same values in float64, and counts the bytes kept for the backward pass.
"""

import statistics
import time
from itertools import pairwise

import torch
from kan.KANLayer import KANLayer
from torch import nn

from hybridmap.encoders import KAN, MLP

BATCH, ROUNDS = 1024, 25
SHAPES = {"10->21": (10, (), 21), "10->128->21": (10, (128,), 21)}


class Rival(nn.Module):
    """pykan's layer, one after the other, without its symbolic branch."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(KANLayer(a, b, num=30, k=3, grid_range=[-5, 5]) for a, b in pairwise(widths))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)[0]
        return x


def twin(rival: Rival, encoder: KAN) -> KAN:
    """Give an encoder the curves of pykan's layers."""
    with torch.no_grad():
        for source, layer in zip(rival.layers, encoder.layers, strict=True):
            layer.lower.fill_(-5.0)
            layer.step.fill_(10.0 / 30)
            # pykan: mask * (scale_base silu(x) + scale_sp spline(x))
            layer.coefficients.copy_((source.coef * (source.scale_sp * source.mask)[..., None]).transpose(0, 1))
            layer.base_weight.copy_(source.scale_base * source.mask)
            layer.bias.zero_()
    return encoder


def step(model: nn.Module, x: torch.Tensor) -> float:
    model.zero_grad(set_to_none=True)
    start = time.process_time()
    model(x).square().mean().backward()
    return 1e3 * (time.process_time() - start)


def saved_mebibytes(model: nn.Module, x: torch.Tensor) -> float:
    """MiB that the graph holds for the backward pass, parameters and input aside, each storage once."""
    inputs = {p.untyped_storage().data_ptr() for p in [*model.parameters(), *model.buffers(), x]}
    sizes: dict[int, int] = {}

    def pack(t: torch.Tensor) -> torch.Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in inputs:
            sizes[storage.data_ptr()] = storage.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        out = model(x).square().mean()
    out.backward()
    return sum(sizes.values()) / 2**20


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, (n_in, hidden, n_out) in SHAPES.items():
        widths = [n_in, *hidden, n_out]
        rival = Rival(widths)
        encoder = twin(rival, KAN(n_in, n_out, hidden, base="silu"))
        x = torch.rand(BATCH, n_in) * 2 - 1
        exact = Rival(widths).double()
        for layer in exact.layers:  # pykan lays its knots in float32: lay them in float64
            layer.grid.copy_((-5 + (torch.arange(37, dtype=torch.float64) - 3) * 10 / 30).expand_as(layer.grid))
        double = twin(exact, KAN(n_in, n_out, hidden, base="silu").double())
        for layer in double.layers:
            layer.step.fill_(10.0 / 30)
        gap = float((exact(x.double()) - double(x.double())).abs().max().detach())
        models = {"pykan KANLayer": rival, "KAN": encoder, "MLP, same widths": MLP(n_in, n_out, hidden, dropout=0.0)}
        times: dict[str, list[float]] = {label: [] for label in models}
        for model in models.values():
            step(model, x)
        for _ in range(ROUNDS):
            for label, model in models.items():
                times[label].append(step(model, x))
        base = statistics.median(times["pykan KANLayer"])
        print(f"{name}: largest difference from pykan in float64 {gap:.1e}")
        for label, model in models.items():
            median = statistics.median(times[label])
            print(f"  {label:18s} {median:8.2f} ms   {base / median:6.1f}x   kept {saved_mebibytes(model, x):7.2f} MiB")


if __name__ == "__main__":
    main()
