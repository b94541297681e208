"""Time the CLM5 matrix model on a GPU: fused kernels against tensor operations, a captured graph and a dense solve.

    python benchmarks/clm5_gpu.py
    python benchmarks/clm5_gpu.py --compile 90

float32 interface, forward and backward to all 21 parameters, median of many runs by device events, forcing on the
device. The dense rival builds a 140 x 140 matrix a site. Before timing, all must agree with the CPU. With ``--compile``
no GPU is needed: the kernels are compiled for a compute capability, and what they take of the chip is printed.
"""

import argparse
import functools
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from clm5_speed import Tensors, dense, forcing

from hybridmap.process import get_process
from hybridmap.process.clm5.matrix import PARAMETERS

MODELS = {kernel: get_process("clm5", as_published=True, kernel=kernel) for kernel in ("triton", "torch")}


@functools.cache
def bounds(device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower bounds and widths of the parameters; kept on the device, for a captured graph cannot fetch them."""
    low = torch.tensor([p.lower for p in PARAMETERS], dtype=dtype)
    high = torch.tensor([p.upper for p in PARAMETERS], dtype=dtype)
    return low.to(device), (high - low).to(device)


def by_name(raw: torch.Tensor) -> Tensors:
    low, width = bounds(raw.device, raw.dtype)
    values = low + raw * width
    return {p.name: values[:, i] for i, p in enumerate(PARAMETERS)}


def unit(sites: int) -> torch.Tensor:
    return 0.1 + 0.8 * torch.rand(sites, 21, generator=torch.Generator().manual_seed(1))


def step(kernel: str, raw: torch.Tensor, f: Tensors) -> torch.Tensor:
    """Gradients of the summed SOC of the upper metre, (site, 21)."""
    solve = MODELS.get(kernel)
    soc = solve(by_name(raw), f)["soc"] if solve else dense(MODELS["torch"], by_name(raw), f)
    return torch.autograd.grad(soc[:, :9].sum(), raw)[0]


def captured(raw: torch.Tensor, f: Tensors) -> torch.cuda.CUDAGraph:
    """The step with fused kernels as a graph, ready to be replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step("triton", raw, f)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step("triton", raw, f)
    return graph


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median time of a call by device events."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return sorted(times)[len(times) // 2]


def agree(device: str = "cuda", sites: int = 300) -> None:
    """Stop with a sentence where the kernels differ from the tensor operations on the CPU."""
    raw, f = unit(sites).double(), {n: v.double() for n, v in forcing(sites).items()}
    expected = step("torch", raw.clone().requires_grad_(), f)
    scale = expected.abs().amax(1, keepdim=True)
    device_forcing = {n: v.to(device) for n, v in f.items()}
    for kernel in ("triton", "torch", "dense"):
        gradients = step(kernel, raw.to(device).detach().requires_grad_(), device_forcing).cpu()
        worst = float(((gradients - expected).abs() / (expected.abs() + 1e-6 * scale)).max())
        print(f"largest difference of a gradient from the CPU, {kernel}: {worst:.1e}")
        if kernel == "triton" and not worst < 1e-6:
            sys.exit("The fused kernels differ from the CPU by more than 1e-6: no times are printed.")


def timings() -> None:
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    agree()
    print(
        "\n| batch | fused [sites/s] | captured graph | tensor operations | dense | fused / tensor | fused, forward |"
    )
    print("|---|---|---|---|---|---|---|")
    for batch in (32, 1024, 8192, 65536, 524288):
        f = {n: v.cuda() for n, v in forcing(batch).items()}
        raw = unit(batch).cuda().requires_grad_()
        fused = batch / seconds(lambda: step("triton", raw, f), 50)  # noqa: B023  used at once
        graph = captured(raw, f)
        replayed = batch / seconds(graph.replay, 50)
        plain = batch / seconds(lambda: step("torch", raw, f), 10)  # noqa: B023
        solved = f"{batch / seconds(lambda: step('dense', raw, f), 3):.3g}" if batch <= 8192 else "–"  # noqa: B023
        with torch.no_grad():
            forward = batch / seconds(lambda: MODELS["triton"](by_name(raw), f)["soc"], 50)  # noqa: B023
        row = f"| {batch} | {fused:.3g} | {replayed:.3g} | {plain:.3g} | {solved} | {fused / plain:.0f}x |"
        print(f"{row} {forward:.3g} |", flush=True)


DOUBLES = {
    "geometry", "out", "pools", "soc", "factors", "adjoint", "gradients", "months", "gradient_pools", "gradient_soc",
}  # fmt: skip
CONSTANTS = {
    "HAS_SAND": False, "BEDROCK_LEAK": False, "FIXED_FLOOR": False, "BELOW_BEDROCK": False, "HAS_POOLS": False,
    "MONTHS": 12, "PADDED": 16,
}  # fmt: skip


def issue_slots(listing: str) -> tuple[int, int]:
    """Instructions of a kernel, and what a warp issues in a run: loops over layers 20 times, float64 for two cycles."""
    instructions: list[str] = []
    labels: dict[str, int] = {}
    for line in listing.splitlines():
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = len(instructions)
        elif instruction := re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*)", line):
            instructions.append(instruction[1])
    cost = [2 if re.search(r"\b(DFMA|DADD|DMUL|DSETP)", text) else 1 for text in instructions]
    total = sum(cost)
    for row, text in enumerate(instructions):
        target = re.search(r"BRA\b.*`\((\.L_x_\d+)\)", text)
        if target and labels[target[1]] < row:
            total += 19 * sum(cost[labels[target[1]] : row + 1])
    return len(instructions), total


def compile_for(capability: int) -> None:
    """Compile the kernels without a GPU, and print what they take of one."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from hybridmap.process.clm5.fused import BLOCK, MONTHS_BLOCK
    from hybridmap.process.clm5.gpu.backward import column_backward
    from hybridmap.process.clm5.gpu.forward import column_forward
    from hybridmap.process.clm5.gpu.months import months_to_layers

    tools = Path(triton.__file__).parent / "backends/nvidia/bin"
    print(f"compute capability {capability / 10}, triton {triton.__version__}")
    print("| kernel | registers | stack [bytes] | instructions | issue slots a site |\n|---|---|---|---|---|")
    slots = 0.0
    for kernel in (months_to_layers, column_forward, column_backward):
        signature, constants, aligned = {}, {}, {}
        for i, p in enumerate(kernel.params):
            if p.is_constexpr:
                block = MONTHS_BLOCK if kernel is months_to_layers else BLOCK
                signature[p.name], constants[(i,)] = "constexpr", CONSTANTS.get(p.name, block)
            elif p.name == "sites":
                signature[p.name] = "i32"
            else:
                signature[p.name] = "*i8" if p.name == "bad" else "*fp64" if p.name in DOUBLES else "*fp32"
                aligned[(i,)] = [["tt.divisibility", 16]]
        source = ASTSource(kernel, signature=signature, constexprs=constants, attrs=aligned)
        options = {"num_warps": 1, "enable_fp_fusion": True}
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(compiled.asm["cubin"])
            file.flush()
            usage = subprocess.check_output([tools / "cuobjdump", "-res-usage", file.name], text=True)
            listing = subprocess.check_output([tools / "nvdisasm", "-c", file.name], text=True)
        registers, stack = (re.findall(rf"{name}:(\d+)", usage)[-1] for name in ("REG", "STACK"))
        length, run = issue_slots(listing)
        per_site = run * 20 / MONTHS_BLOCK if kernel is months_to_layers else run / BLOCK
        slots += per_site
        print(f"| {compiled.metadata.name} | {registers} | {stack} | {length} | {per_site:.0f} |", flush=True)
    if capability == 90:
        bound = 132 * 4 * 1.755e9 / slots
        print(f"An H100 (132 multiprocessors of 4 schedulers, 1.755 GHz) has slots for {bound:.2g} sites/s: a bound.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", type=int, nargs="+", metavar="CAPABILITY", help="90 for an H100, 80 for an A100")
    args = parser.parse_args()
    if importlib.util.find_spec("triton") is None:
        sys.exit("clm5_gpu.py: Triton is not installed here; pip install -r requirements-kernels.lock.")
    if args.compile:
        for capability in args.compile:
            compile_for(capability)
    elif torch.cuda.is_available():
        timings()
    else:
        sys.exit("clm5_gpu.py: no CUDA device here; --compile 90 compiles the kernels without one.")


if __name__ == "__main__":
    main()
