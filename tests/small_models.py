"""A small hybrid model and sites whose parameters are known, which several tests share."""

import torch

from hybridmap.model.specification import build_model
from hybridmap.process import get_process
from hybridmap.train import SiteData

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
