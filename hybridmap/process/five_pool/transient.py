"""Scenarios in time: a process model with differential equations, integrated from a starting state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.process.five_pool.model import POOLS, FivePool


def integrate(
    model: FivePool,
    parameters: Mapping[str, Tensor],
    forcing: Callable[[float], Mapping[str, Tensor]],
    years: ArrayLike,
    start: Mapping[str, Tensor],
    rtol: float = 1e-8,
) -> dict[str, NDArray[np.float64]]:
    """Integrate the pools of all sites through time (stiff, by scipy's Radau method).

    Parameters
    ----------
    model : FivePool
        Its formulation, necromass, enzyme and turnover options hold in time too.
    parameters : mapping of str to Tensor, shape (site,) or ()
        Constant in time, in the units of the model.
    forcing : callable
        Time [yr] to the forcing of the model, each (site,); a step or a trend in ``npp`` or ``mat`` is a scenario.
    years : array_like, shape (time,)
        Increasing times [yr] to report; the first is the start.
    start : mapping of str to Tensor, shape (site,)
        Pools at the first time [kg m-3], such as the steady state of the model.
    rtol : float
        Relative tolerance; the absolute one is 1e-10 kg m-3.

    Returns
    -------
    dict of str to array, shape (time, site)
        The five pools and their sum ``soc`` [kg m-3].

    Raises
    ------
    HybridmapError
        If the start has a missing or negative pool, or the integration fails.

    Examples
    --------
    Litter input doubles after the steady state; carbon of the soil rises for centuries:

    >>> model = FivePool()
    >>> climate = {"npp": torch.tensor([400.0]), "mat": torch.tensor([8.0])}
    >>> doubled = {"npp": torch.tensor([800.0]), "mat": torch.tensor([8.0])}
    >>> series = integrate(model, {}, lambda year: doubled, [0.0, 10.0, 100.0], model({}, climate))
    >>> series["soc"].round(1).ravel().tolist()  # kg m-3
    [36.1, 40.5, 44.3]
    """
    from scipy.integrate import solve_ivp

    times = np.asarray(years, dtype=float)
    state = np.stack([np.asarray(start[name], dtype=float).ravel() for name in POOLS])
    if not (state >= 0).all():
        raise HybridmapError("transient: the start needs non-negative pools; the relaxed steady state may have none.")
    sites = state.shape[1]

    def of_site(values: Mapping[str, Tensor], i: int) -> dict[str, Tensor]:
        return {n: v.reshape(-1)[i if v.numel() > 1 else 0 : None][:1].double() for n, v in values.items()}

    series = np.empty((len(times), len(POOLS), sites))
    for i in range(sites):  # each site takes the steps that its own stiffness asks for
        fixed = of_site(parameters, i)

        def rate(t: float, y: NDArray[np.float64], fixed: dict[str, Tensor] = fixed, i: int = i) -> NDArray[np.float64]:
            pools = {name: torch.tensor([y[k]], dtype=torch.float64) for k, name in enumerate(POOLS)}
            change = model.tendency(pools, fixed, of_site(forcing(t), i))
            return np.array([float(change[name][0]) for name in POOLS])

        solution = solve_ivp(
            rate, (times[0], times[-1]), state[:, i], method="Radau", t_eval=times, rtol=rtol, atol=1e-10
        )
        if not solution.success:
            raise HybridmapError(f"transient: site {i} could not be integrated ({solution.message}).")
        series[:, :, i] = solution.y.T
    out = {name: series[:, k] for k, name in enumerate(POOLS)}
    return out | {"soc": np.sum([out[name] for name in model.soc_includes], axis=0)}
