"""Print what each departure of the default CLM5 model from the released program changes, on the reference sites.

HYBRIDMAP_SHARED=../shared python benchmarks/clm5_departures.py
"""

import os
from pathlib import Path

import numpy as np
import torch

from hybridmap.process import get_process

SWITCHES = {
    "no leak into bedrock": {"bedrock_leak": False, "inputs_below_bedrock": True, "cryoturbation_floor": "3m"},
    "no input under bedrock": {"bedrock_leak": True, "inputs_below_bedrock": False, "cryoturbation_floor": "3m"},
    "cryoturbation ends at bedrock": {
        "bedrock_leak": True,
        "inputs_below_bedrock": True,
        "cryoturbation_floor": "bedrock",
    },
    "all three (default)": {},
}


def main() -> None:
    folder = Path(os.environ.get("HYBRIDMAP_SHARED", "../shared"))
    with np.load(folder / "vectors/clm5/dev.npz") as archive:
        v = dict(archive)
    published = get_process("clm5", as_published=True)
    low = torch.tensor([p.lower for p in published.parameters], dtype=torch.float64)
    high = torch.tensor([p.upper for p in published.parameters], dtype=torch.float64)
    values = low + torch.tensor(v["para"]) * (high - low)
    parameters = {p.name: values[:, i] for i, p in enumerate(published.parameters)}
    forcing = {f.name: torch.tensor(v[f.name]) for f in published.forcing}
    published_soc = published(parameters, forcing)["soc"]
    shallow = torch.tensor(v["nbedrock"]).amax(1) < 20
    print(f"{len(published_soc)} sites, {int(shallow.sum())} with bedrock inside the column.\n")
    print("| departure | sites changed by over 1 % | median change there | largest | densest layer after [kg m-3] |")
    print("|---|---|---|---|---|")
    print(f"| as published | – | – | – | {float(published_soc.max()) / 1e3:.3g} |")
    for name, options in SWITCHES.items():
        soc = get_process("clm5", **options)(parameters, forcing)["soc"]
        ratio = (published.stock(soc, 9) / published.stock(published_soc, 9) - 1).numpy()
        hit = np.abs(ratio) > 0.01
        median, largest = (f"{100 * f(ratio[hit]):+.1f} %" if hit.any() else "–" for f in (np.median, extreme))
        print(f"| {name} | {int(hit.sum())} | {median} | {largest} | {float(soc.max()) / 1e3:.3g} |")


def extreme(values: np.ndarray) -> float:
    return float(values[np.abs(values).argmax()])


if __name__ == "__main__":
    main()
