"""The fused GPU kernels of CLM5 against the tensor operations: on a GPU if there is one, or by Triton's interpreter.

The interpreter runs the same kernels on the CPU, slowly: what it shows is that they compute the right numbers. That
they compile for a GPU is tested apart.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from clm5_inputs import LOWER, NAMES, UPPER, close, forcing, inputs, physical
from conftest import ROOT
from small_models import SPEC, model_of

from hybridmap.process import get_process
from hybridmap.process.clm5 import fused
from hybridmap.testing.clm5_sites import make_clm5_sites
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members

pytest.importorskip("triton", reason="Triton is not installed; it exists for Linux")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def on_device(values):
    return {name: value.to(DEVICE) for name, value in values.items()}


def both(kernel_model, torch_model, para, f, weight_pools=True):
    """Pools, SOC and gradients of the kernels and of the tensor operations."""
    found = []
    for model, device in ((kernel_model, DEVICE), (torch_model, "cpu")):
        leaf = para.clone().to(device).requires_grad_()
        values = LOWER.to(device) + leaf * (UPPER - LOWER).to(device)
        out = model({n: values[:, i] for i, n in enumerate(NAMES)}, {n: v.to(device) for n, v in f.items()})
        random = torch.Generator().manual_seed(7)
        weights = torch.rand(out["pools"].shape, generator=random, dtype=torch.float64).to(device)
        # A frozen column piles up absurd carbon under its bedrock, whose digits would hide all other gradients.
        loss = out["soc"].clamp(max=1e6).sum()
        if weight_pools:
            loss = loss + (weights * out["pools"].clamp(max=1e6)).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        found.append((out["pools"].detach().cpu(), out["soc"].detach().cpu(), gradient.cpu()))
    return found


def assert_gradients_close(found, expected, rtol=1e-6):
    scale = expected.abs().amax(1, keepdim=True)
    assert ((found - expected).abs() <= rtol * expected.abs() + 1e-10 * scale).all()


def mixed_forcing(sites):
    """Columns with and without bedrock, frozen, thawing to some depth that changes through the year, or unfrozen."""
    f = forcing(sites, seed=11)
    column = torch.arange(sites)
    f["nbedrock"] = torch.tensor([5.0, 9.7, 25.0, 0.0])[column % 4, None].double().expand(sites, 12).clone()
    depth = torch.tensor([41.998, 0.8, 1.7, 0.0, 2.4])[column % 5, None].double()
    f["altmax"] = depth * torch.linspace(0.6, 1.0, 12, dtype=torch.float64)
    f["altmax_lastyear"] = depth * torch.linspace(0.9, 0.5, 12, dtype=torch.float64)
    f["nbedrock"][::3, 6:] += 2.0
    return f


VARIANTS = ({}, {"as_published": True}, {"inputs_below_bedrock": True})


@pytest.mark.parametrize(
    "options", [pytest.param(v, marks=pytest.mark.nightly if v else ()) for v in VARIANTS], ids=map(str, VARIANTS)
)
def test_kernels_agree_with_tensor_operations(options):
    sites = 45  # not a multiple of a block
    para = torch.rand((sites, 21), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fused_model, plain = (get_process("clm5", kernel=kernel, **options) for kernel in ("triton", "torch"))
    (pools, soc, gradient), (pools_plain, soc_plain, gradient_plain) = both(
        fused_model, plain, para, mixed_forcing(sites)
    )
    close(pools, pools_plain.numpy(), rtol=1e-11)
    close(soc, soc_plain.numpy(), rtol=1e-11)
    assert_gradients_close(gradient, gradient_plain, rtol=1e-8)


@pytest.mark.nightly
def test_gradients_of_soc_alone():
    """What training asks for: no gradient of the pools, and exactly none of woody debris."""
    para = torch.rand((3, 21), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fused_model, plain = (get_process("clm5", kernel=kernel) for kernel in ("triton", "torch"))
    (_, _, gradient), (_, _, expected) = both(fused_model, plain, para, mixed_forcing(3), weight_pools=False)
    assert_gradients_close(gradient, expected, rtol=1e-8)
    assert (gradient[:, NAMES.index("taucwd")] == 0).all()
    assert (expected[:, NAMES.index("diffus")] != 0).any()


@pytest.mark.nightly
def test_kernels_agree_with_extended_precision(shared):
    with np.load(shared / "vectors/clm5/dev.npz") as archive:
        vectors = dict(archive)
    para = torch.tensor(vectors["para"]).requires_grad_()
    model = get_process("clm5", as_published=True, kernel="triton")
    out = model(on_device(physical(para)), on_device(inputs(vectors)[1]))
    close(out["pools"].cpu(), vectors["pools_hp"])
    close(out["soc"].cpu(), vectors["soc_hp"])
    (gradient,) = torch.autograd.grad(model.stock(out["soc"], 9).sum(), para)
    expected = torch.tensor(vectors["grad_stock_hp"])
    expected[:, NAMES.index("taucwd")] = 0
    assert (gradient[:, NAMES.index("taucwd")] == 0).all()
    assert_gradients_close(gradient, expected)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of the interpreter, at the bad sites
def test_bad_sites_are_nan_and_leave_the_others_alone():
    f, para = mixed_forcing(7), torch.full((7, 21), 0.4, dtype=torch.float64)
    model = get_process("clm5", kernel="triton")
    whole = model(on_device(physical(para)), on_device(f))["soc"]
    f["soil_temperature"][1, 3, 5] = torch.nan
    f["sand"] = torch.full((7, 20, 12), 40.0, dtype=torch.float64)
    f["sand"][2, 0, 0] = torch.nan
    f["altmax"][3, 4] = torch.nan
    f["w_scalar"][4, 7] = 0.0  # never decomposes there
    para[5, NAMES.index("fs3s1")] = torch.nan
    f["nbedrock"][6] = torch.nan  # an index that must not be followed
    leaf = para.clone().requires_grad_()
    with pytest.warns(RuntimeWarning, match="6 of 7 sites are NaN"):
        out = model(on_device(physical(leaf)), on_device(f))
    assert torch.isnan(out["soc"][1:]).all()
    assert torch.isnan(out["pools"][1:]).all()
    torch.testing.assert_close(out["soc"][0], whole[0], rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(out["soc"][0].sum(), leaf)
    assert torch.isfinite(gradient).all()
    assert (gradient[1:] == 0).all()
    assert (gradient[0] != 0).any()


@pytest.mark.nightly
def test_single_precision_one_site_and_defaults():
    """float32 in and out, a forcing expanded over months, and parameters that are absent or shared by all sites."""
    f = {name: values.float() for name, values in forcing(2, bedrock=9.0).items()}
    f["nbedrock"] = f["nbedrock"][:, :1].expand(2, 12)
    p = {"q10": torch.tensor(2.0), "beta": torch.tensor([0.9, 0.97])}
    kernels, plain = (get_process("clm5", kernel=kernel) for kernel in ("triton", "torch"))
    found, expected = kernels(on_device(p), on_device(f)), plain(p, f)
    assert found["soc"].dtype == found["pools"].dtype == torch.float32
    torch.testing.assert_close(found["pools"].cpu(), expected["pools"], rtol=1e-6, atol=0)
    alone = kernels(on_device({**p, "beta": p["beta"][:1]}), on_device({n: v[:1] for n, v in f.items()}))
    torch.testing.assert_close(alone["soc"][0], found["soc"][0], rtol=0, atol=0)


@pytest.mark.nightly
def test_a_hybrid_trains_through_the_kernels_as_through_tensor_operations(tmp_path):
    """Two members side by side, the forcing looked up by cell; what differs is the last digit of single precision."""
    np.savez(tmp_path / "t.npz", **{k: np.asarray(v) for k, v in make_clm5_sites(12, 0).forcing.items()})
    cell, x = torch.arange(24) % 12, torch.randn(24, 2, generator=torch.Generator().manual_seed(0))
    table = {"table": str(tmp_path / "t.npz")}
    soc = get_process("clm5_interval", **table)({}, {"clm5_cell": cell.float()})["soc"]
    losses = {}
    for kernel, device in (("triton", DEVICE), ("torch", "cpu")):
        spec = SPEC | {
            "process": {"name": "clm5_interval", "options": {**table, "kernel": kernel}},
            "neural": ["diffus", "tau4s3", "fs1s3"], "shared": ["q10"], "fixed": {}, "forcing": ["clm5_cell"],
            "targets": ["soc"],
        }  # fmt: skip
        data = SiteData(x.to(device), {"clm5_cell": cell.float().to(device)}, {"soc": soc.to(device)})
        models = [model_of(spec, seed).to(device) for seed in (0, 1)]
        members = [Member(m, torch.arange(16), torch.arange(16, 24), k, f"member {k}") for k, m in enumerate(models)]
        losses[kernel] = [
            [r["validation_loss"] for r in h] for h in fit_members(members, data, TrainingOptions(max_epochs=2))
        ]
    assert losses["triton"] == [pytest.approx(history, rel=1e-3) for history in losses["torch"]]


@pytest.mark.parametrize(
    ("options", "change", "reason"),
    [
        ({"transport": "simple_one"}, {}, "transport 'simple_one' has no kernel"),
        ({}, {"requires_grad": True}, "a gradient with respect to the forcing"),
    ],
)
def test_what_has_no_kernel_says_so(options, change, reason):
    f = forcing(1)
    if change:
        f["o_scalar"].requires_grad_()
    p = physical(torch.full((1, 21), 0.5, dtype=torch.float64))
    with pytest.raises(ValueError, match=f"kernel 'triton' cannot be used: {reason}"):
        get_process("clm5", kernel="triton", **options)(p, f)
    assert torch.isfinite(get_process("clm5", **options)(p, f)["soc"]).all()


def test_without_triton_the_tensor_operations_take_over(monkeypatch):
    monkeypatch.setattr(fused.importlib.util, "find_spec", lambda name: None)
    assert fused.reason_against(forcing(1), "mixing") == "Triton is not installed (pip install triton)"
    fused.warn_slow.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"fused GPU kernels are not used.*Triton is not installed"):
        fused.warn_slow("Triton is not installed (pip install triton)")


def test_a_cpu_never_imports_triton():
    code = (
        "import sys, torch; from hybridmap.process import get_process; from hybridmap.process.clm5 import fused;"
        "model = get_process('clm5'); assert not model._takes_kernels({'o_scalar': torch.ones(1, 20, 12)});"
        "print('triton' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel 'cuda' is not one of"):
        get_process("clm5", kernel="cuda")


@pytest.mark.slow
def test_kernels_compile_for_an_h100_without_spilling():
    """A compiler needs no GPU. Spilled registers would go to slow memory."""
    command = [sys.executable, "benchmarks/gpu.py", "--compile", "90"]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| c")]
    rows += [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| months")]
    assert sorted(row[0] for row in rows) == ["column_backward", "column_forward", "months_to_layers"]
    assert all(int(row[2]) == 0 for row in rows)
