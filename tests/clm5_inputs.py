"""Parameters and forcing of the CLM5 model that several tests share."""

import numpy as np
import torch

from hybridmap.process import get_process

MODEL = get_process("clm5", as_published=True)
NAMES = [p.name for p in MODEL.parameters]
LOWER = torch.tensor([p.lower for p in MODEL.parameters], dtype=torch.float64)
UPPER = torch.tensor([p.upper for p in MODEL.parameters], dtype=torch.float64)


def physical(normalised):
    values = LOWER + normalised * (UPPER - LOWER)
    return {name: values[:, i] for i, name in enumerate(NAMES)}


def inputs(vectors, rows=slice(None)):
    para = torch.tensor(vectors["para"][rows])
    return physical(para), {v.name: torch.tensor(vectors[v.name][rows]) for v in MODEL.forcing}


def close(found, expected, rtol=1e-9):
    known = np.abs(expected) > 1e-200
    np.testing.assert_allclose(found.detach().numpy()[known], expected[known], rtol=rtol)


def forcing(sites=4, seed=0, bedrock=25.0, active=41.998):
    random = torch.Generator().manual_seed(seed)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=random, dtype=torch.float64)

    monthly, layered = (sites, 12), (sites, 20, 12)
    return {
        "input_cwd": uniform(0, 20, *monthly),
        "input_litter1": uniform(1, 30, *monthly),
        "input_litter2": uniform(1, 60, *monthly),
        "input_litter3": uniform(1, 40, *monthly),
        "altmax_lastyear": torch.full(monthly, active, dtype=torch.float64),
        "altmax": torch.full(monthly, active, dtype=torch.float64),
        "nbedrock": torch.full(monthly, bedrock, dtype=torch.float64),
        "o_scalar": uniform(0.6, 1, *layered),
        "n_scalar": uniform(0.4, 1, *layered),
        "soil_temperature": uniform(265, 300, *layered),
        "w_scalar": uniform(0.1, 1, *layered),
    }
