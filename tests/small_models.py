"""A small hybrid model and sites whose parameters are known, which several tests share."""

from pathlib import Path

import torch

from hybridmap.model.specification import build_model
from hybridmap.process import get_process
from hybridmap.train import SiteData, save_model

SPEC = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
    "neural": ["cue", "q_max"],
    "shared": ["km_p"],
    "fixed": {"f_poc": 0.6},
    "bounds": {},
    "constraint": "sigmoid",
    "encoder": {"name": "mlp", "hidden": [16], "activation": "gelu", "dropout": 0.1},
    "covariates": ["a", "b"],
    "forcing": ["npp", "mat"],
    "forcing_constants": {"depth": 0.2},
    "targets": ["soc", "moc", "mbc"],
}


def landscape(n=300, seed=0):
    """Sites whose true CUE and Q_max are simple functions of two covariates."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=g)
    forcing = {"npp": 300 + 400 * torch.rand(n, generator=g), "mat": 5 + 10 * torch.rand(n, generator=g)}
    true = {
        "cue": 0.35 + 0.08 * torch.tanh(x[:, 0]),
        "q_max": 60 + 20 * torch.tanh(x[:, 1]),
        "f_poc": torch.tensor(0.6),
    }
    depth = {"depth": torch.tensor(0.2)}
    out = get_process("five_pool", formulation="constrained")(true, forcing | depth)
    targets = {t: out[t].clone() for t in SPEC["targets"]}
    targets["mbc"][torch.rand(n, generator=g) < 0.9] = float("nan")
    return SiteData(x, forcing, targets), true


def model_of(spec=SPEC, seed=0):
    torch.manual_seed(seed)
    return build_model(spec)


COLUMN = '''"""Carbon of a column."""
import torch
from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs


class Column(ProcessModel):
    name = "column"
    parameters = (Parameter("surface", 30.0, 1.0, 100.0, "kg m-3", "carbon at the surface"),
                  Parameter("fall", 0.3, 0.05, 1.0, "m", "depth over which it falls to a third"))
    forcing = (Variable("mat", ("site",), "degC", "temperature", valid_range=(-40, 45)),)
    outputs = (Variable("soc", ("site", "layer"), "kg m-3", "carbon"),)
    layer_interfaces = (0.0, 0.1, 0.3, 1.0)

    def __call__(self, parameters, forcing):
        p, f, dtype = gather_inputs(self, parameters, forcing)
        middle = torch.tensor([0.05, 0.2, 0.65], dtype=torch.float64)
        size = p["surface"] * torch.exp(-f["mat"] / 100)
        return {"soc": (size[..., None] * torch.exp(-middle / p["fall"].reshape(-1, 1))).to(dtype)}
'''
"""A process model of three layers, as a file of its own."""


def column_model(folder: Path) -> Path:
    """Folder of an untrained model of three layers, whose observations are of several depths."""
    source = folder / "column.py"
    source.write_text(COLUMN)
    spec = SPEC | {
        "process": {"name": str(source), "options": {}},
        "neural": ["surface"],
        "shared": ["fall"],
        "fixed": {},
        "forcing": ["mat", "layer_top", "layer_bottom"],
        "forcing_constants": {},
        "targets": ["soc"],
        "root_beta": 0.966,
    }
    save_model(model_of(spec), spec, folder / "model")
    return folder / "model"
