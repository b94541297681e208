"""What makes SOC vary over the conterminous United States in CLM5, and to which parameters a site is sensitive.

snakemake --cores 2 --configfile resources/regions/conus_clm5.yaml
python benchmarks/clm5_traceability.py shares          share of the variance of SOC that each component explains
python benchmarks/clm5_traceability.py sensitivity     first-order indices of 512 sites

Definitions: section 11 of the specification of CLM5 (shares), Saltelli et al. 2010 as SALib has it (sensitivity).
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import torch
import zarr
from torch import Tensor

from hybridmap.process.clm5.interval import Clm5Interval

DEPTHS_CM = ((0, 5), (5, 15), (15, 30), (30, 60), (60, 100))
COMPONENTS = {
    "input": ("litter_scale",),
    "B": ("beta",),
    "A": ("fl1s1", "fl2s1", "fl3s2", "fs1s2", "fs1s3", "fs2s1", "fs2s3", "fs3s1", "fcwdl2"),
    "K": ("taucwd", "taul1", "taul2", "tau4s1", "tau4s2", "tau4s3"),
    "xi": ("q10", "efolding", "w_scaling"),
    "V": ("diffus", "cryo"),
}
"""Component → its parameters; that of the input is the factor on the litter of the forcing."""
FORCINGS = {
    "litter of the forcing": ("input_cwd", "input_litter1", "input_litter2", "input_litter3"),
    "climate of the forcing": ("soil_temperature", "w_scalar", "altmax", "altmax_lastyear"),
}
BATCH = 4096
LARGEST = 1e12
"""SOC [kg m-3] that draws are capped at, as BINN does (1e15 g m-3)."""
SITES, DRAWS = 512, 128


def observed(model: Clm5Interval, parameters: Mapping[str, Tensor], cell: Tensor) -> Tensor:
    """SOC of the depths [kg m-3] and the stock to 1 m [kg m-2], (depth + 1, site)."""
    parts = []
    for first in range(0, len(cell), BATCH):
        rows = slice(first, first + BATCH)
        batch_parameters = {name: values[rows] if values.ndim else values for name, values in parameters.items()}
        with torch.no_grad():
            out = model(batch_parameters, {"clm5_cell": cell[rows]})
        ends = [(torch.tensor(top / 100), torch.tensor(bottom / 100)) for top, bottom in DEPTHS_CM]
        interval_means = [model.observe(out, *pair)["soc"] for pair in ends]
        parts.append(torch.stack([*interval_means, out["soc_stock_1m"]]))
    return torch.cat(parts, 1).double()


def mapped_parameters(folder: Path, model: Clm5Interval, count: int) -> tuple[dict[str, Tensor], Tensor, np.ndarray]:
    """Parameters of about `count` cells of the maps, the numbers of their forcing, and which cells (row, column)."""
    maps = zarr.open_group(folder / "experiments/clm5/maps.zarr", mode="r")
    with rasterio.open(folder / "inputs/clm5_cell.tif") as file:
        number = file.read(1)
    shape = maps["beta"].shape
    step = round(shape[0] / number.shape[0])
    number = number.repeat(step, 0).repeat(step, 1)[: shape[0], : shape[1]]
    values = {p.name: np.asarray(maps[p.name]) for p in model.parameters}
    is_known = np.isfinite(np.stack(list(values.values()))).all(0) & (number >= 0)
    rows = np.flatnonzero(is_known)
    rows = rows[:: max(1, len(rows) // count)]
    cell_parameters = {name: torch.from_numpy(field.ravel()[rows].astype("float32")) for name, field in values.items()}
    is_taken = np.zeros(shape, dtype=bool)
    is_taken.ravel()[rows] = True
    return cell_parameters, torch.from_numpy(number.ravel()[rows].astype("float32")), is_taken


def shares(folder: Path, count: int) -> pd.DataFrame:
    """Share of the spatial variance that goes where a component is held at its mean, and that it makes alone."""
    model = Clm5Interval(str(folder / "inputs/clm5.npz"), litter_scale=True)
    parameters, cell, _ = mapped_parameters(folder, model, count)
    means = {name: values.mean() for name, values in parameters.items()}
    full = observed(model, parameters, cell).var(1)
    names = [*(f"{top}-{bottom} cm" for top, bottom in DEPTHS_CM), "stock to 1 m"]
    table = {"variance": full}
    for component, members in COMPONENTS.items():
        with_mean = {name: means[name] if name in members else values for name, values in parameters.items()}
        alone = {name: values if name in members else means[name] for name, values in parameters.items()}
        table[f"{component} held"] = 1 - observed(model, with_mean, cell).var(1) / full
        table[f"{component} alone"] = observed(_of_mean_forcing(model, cell, ()), alone, cell).var(1) / full
    for label, members in FORCINGS.items():
        mean_elsewhere = _of_mean_forcing(model, cell, tuple(set(model.table) - set(members)))
        table[f"{label} held"] = 1 - observed(mean_elsewhere, parameters, cell).var(1) / full
        only = observed(_of_mean_forcing(model, cell, members), means, cell)
        table[f"{label} alone"] = only.var(1) / full
    return pd.DataFrame({name: values.numpy() for name, values in table.items()}, index=names)


def _of_mean_forcing(model: Clm5Interval, cell: Tensor, varying: tuple[str, ...]) -> Clm5Interval:
    """The model with all forcing but the `varying` at the mean of the cells."""
    index = cell.long()
    mean_model = object.__new__(Clm5Interval)
    mean_model.__dict__.update(model.__dict__)
    mean_model.table = {
        name: values if name in varying else values[index].mean(0, keepdim=True).expand_as(values)
        for name, values in model.table.items()
    }
    return mean_model


def first_order(values: np.ndarray, count: int) -> np.ndarray:
    """First-order indices of the runs of SALib's Sobol sample without second order (Saltelli et al. 2010).

    Parameters
    ----------
    values : array, shape (..., run)
        Outputs; runs in sets of A, A with one column of B each, and B.
    count : int
        Number of parameters.

    Returns
    -------
    array, shape (..., parameter)
        0 of an output that does not vary.
    """
    runs = values.reshape(*values.shape[:-1], -1, count + 2)
    first, mixed, second = runs[..., 0], runs[..., 1:-1], runs[..., -1]
    variance = np.concatenate([first, second], -1).var(-1)[..., None]
    explained = (second[..., None] * (mixed - first[..., None])).mean(-2)
    return np.divide(explained, variance, out=np.zeros_like(explained), where=variance > 0)


def sensitivity(folder: Path, seed: int) -> dict[str, pd.DataFrame]:
    """Mean and SD over sites of first-order indices of SOC and its logarithm, parameters uniform in their bounds."""
    from SALib.sample import sobol

    model = Clm5Interval(str(folder / "inputs/clm5.npz"))
    problem = {
        "num_vars": len(model.parameters),
        "names": [p.name for p in model.parameters],
        "bounds": [[p.lower, p.upper] for p in model.parameters],
    }
    draws = torch.from_numpy(sobol.sample(problem, DRAWS, calc_second_order=False, seed=seed).astype("float32"))
    parameters = {p.name: draws[:, i] for i, p in enumerate(model.parameters)}
    cells = np.random.default_rng(seed).choice(len(model.table["input_cwd"]), SITES, replace=False)
    indices: dict[str, list[np.ndarray]] = {"SOC": [], "logarithm of SOC": []}
    for cell in cells:
        soc = observed(model, parameters, torch.full((len(draws),), float(cell)))
        soc = soc.nan_to_num(0.0).clamp(1e-6, LARGEST)
        for values, of_sites in zip((soc, soc.log()), indices.values(), strict=True):
            of_sites.append(first_order(values.numpy(), len(model.parameters)))
    names = [*(f"{top}-{bottom} cm" for top, bottom in DEPTHS_CM), "stock to 1 m"]
    tables = {}
    for subject, of_sites in indices.items():
        mean, sd = np.mean(of_sites, axis=0), np.std(of_sites, axis=0)
        texts = {n: [f"{m:.3f} ({s:.3f})" for m, s in zip(mean[k], sd[k], strict=True)] for k, n in enumerate(names)}
        tables[subject] = pd.DataFrame(texts, index=problem["names"]).iloc[np.argsort(-mean[-1])]
    return tables


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("shares", "sensitivity"))
    parser.add_argument("--results", type=Path, default=Path("results/conus_clm5"))
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    if args.what == "shares":
        print(shares(args.results, args.cells).round(3).T.to_string())
    else:
        for subject, table in sensitivity(args.results, args.seed).items():
            print(f"{subject}\n{table.to_string()}")
    print(f"{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    main()
