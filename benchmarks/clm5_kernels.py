"""Compile the fused kernels of CLM5 for a GPU that is not at hand, and print what they take of the chip.

    python benchmarks/gpu.py --compile 90

90 is an H100, 80 an A100. Imported by ``gpu.py``.
"""

import re
import subprocess
import tempfile
from pathlib import Path

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
