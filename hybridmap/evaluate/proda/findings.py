"""What the comparison comes to: skill, bias, agreement of parameters and components, and cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.evaluate.proda.peers import HYBRID, PRODA, Compared, HeldOut
from hybridmap.evaluate.residuals import BIAS, bias_rows
from hybridmap.evaluate.rung_scores import score_rungs
from hybridmap.evaluate.rungs import EXPERIMENT, HeldOutSites, Rung
from hybridmap.process import Variable
from hybridmap.quantities import Quantity

Array = NDArray[np.float64]

AGREEMENT = [
    "kind", "name", "label", "unit", "r", "mean_hybrid", "mean_proda", "r_hybrid_calibrated", "r_proda_calibrated",
    "contraction",
]  # fmt: skip
"""Columns of ``agreement.csv``."""
EQUAL = 1e-9
"""Components whose largest relative difference is below this do not depend on what is learned."""
WHOLE = "residence_time"
"""Trace that the components make together, and that is none of them."""


def held_out_of(compared: Compared, places: NDArray[np.int64], labels: pd.DataFrame, main: str) -> HeldOutSites:
    """Both peers as rungs of a ladder at the tested rows of one quantity, `main` as the experiment.

    Parameters
    ----------
    compared : Compared
        Of :func:`~hybridmap.evaluate.proda.peers.compare_peers`.
    places : array of int, shape (observation, 2)
        Site and column of its observations, of each row of `labels`.
    labels : DataFrame
        What describes the rows, with ``site_id``, ``fold``, ``block``, ``area`` and ``cell``.
    main : str
        `HYBRID` or `PRODA`.

    Returns
    -------
    HeldOutSites
        Where both predict.
    """
    site, column = places.T
    observed = np.exp(compared.likelihood.observed.numpy()[site, column])
    values = {name: peer.outputs["predicted"][site, column] for name, peer in compared.held_out.items()}
    is_scored = np.isfinite(observed) & np.isfinite(values[PRODA]) & np.isfinite(values[HYBRID])
    rival = PRODA if main == HYBRID else HYBRID
    rungs = {name: Rung(values[peer][is_scored], None, None) for name, peer in ((rival, rival), (EXPERIMENT, main))}
    return HeldOutSites(labels[is_scored].reset_index(drop=True), observed[is_scored], rungs, level=0.9)


def score_table(held_out: HeldOutSites, quantity: Quantity, scheme: str) -> pd.DataFrame:
    """Scores of both with ranges, and paired differences of the hybrid from PRODA, as in a ladder.

    Parameters
    ----------
    held_out : HeldOutSites
        With the hybrid as the experiment.
    quantity : Quantity
        Of the observations.
    scheme : str
        Of the folds.

    Returns
    -------
    DataFrame
    """
    return score_rungs(held_out, quantity, {"experiment": HYBRID, "scheme": scheme})


def bias_table(peers: dict[str, HeldOutSites], quantity: Quantity, scheme: str) -> pd.DataFrame:
    """Residuals of both by class of site, each with its paired difference from the other.

    Parameters
    ----------
    peers : dict of str to HeldOutSites
        `HYBRID` and `PRODA`, each as the experiment of its own.
    quantity : Quantity
        Of the observations.
    scheme : str
        Of the folds.

    Returns
    -------
    DataFrame
    """
    rows = [
        row
        for name, held_out in peers.items()
        for row in bias_rows(
            held_out, {"experiment": name, "scheme": scheme, "target": quantity.name, "unit": quantity.unit}
        )
    ]
    return pd.DataFrame(rows, columns=BIAS)


def agreement_table(compared: Compared) -> pd.DataFrame:
    """Correlation over tested sites of parameters and components of both; of parameters also with the calibration.

    Parameters
    ----------
    compared : Compared
        Of both.

    Returns
    -------
    DataFrame
        ``kind`` (parameter or component), ``name``, ``label`` and ``unit`` of a component, ``r`` of both, their means,
        and of parameters ``r_hybrid_calibrated``, ``r_proda_calibrated`` and ``contraction``: one less the mean
        standard deviation of the calibration over that of the prior.
    """
    hybrid, network = compared.held_out[HYBRID], compared.held_out[PRODA]
    tested = np.isfinite(hybrid.positions[:, 0]) & np.isfinite(network.positions[:, 0])
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(compared.likelihood.names):
        of_hybrid, of_network = hybrid.positions[tested, k], network.positions[tested, k]
        calibrated = compared.calibration.mean[tested, k]
        rows.append(
            {
                "kind": "parameter", "name": name, "r": correlation(of_hybrid, of_network),
                "mean_hybrid": of_hybrid.mean(),
                "mean_proda": of_network.mean(), "r_hybrid_calibrated": correlation(of_hybrid, calibrated),
                "r_proda_calibrated": correlation(of_network, calibrated),
                "contraction": 1.0 - compared.calibration.sd[tested, k].mean() * np.sqrt(12.0),
            }
        )  # fmt: skip
    for name in component_names(compared):
        of_hybrid, of_network = hybrid.outputs[name][tested], network.outputs[name][tested]
        is_decided = np.abs(of_hybrid - of_network).max() > EQUAL * np.abs(of_hybrid).max()
        r = correlation(of_hybrid, of_network) if is_decided else float("nan")
        trace = _traces(compared)[name]
        row = {"kind": "component", "name": name, "label": trace.label, "unit": trace.unit}
        rows.append({**row, "r": r, "mean_hybrid": of_hybrid.mean(), "mean_proda": of_network.mean()})
    return pd.DataFrame(rows, columns=AGREEMENT)


def _traces(compared: Compared) -> dict[str, Variable]:
    process = compared.likelihood.model.process
    return {trace.name: trace for trace in process.traces} if process else {}


def component_names(compared: Compared) -> list[str]:
    """Components that the process traces its carbon to."""
    return [name for name in compared.held_out[HYBRID].outputs if name not in ("predicted", WHOLE)]


def costs(compared: Compared, folds: int) -> dict[str, float]:
    """Seconds of one core of both, of all folds and of one model, and their ratios.

    Parameters
    ----------
    compared : Compared
        Of both.
    folds : int
        How many were trained.

    Returns
    -------
    dict of str to float
        Sites are calibrated once, whatever the number of folds.
    """
    hybrid, network = (compared.held_out[name].seconds for name in (HYBRID, PRODA))
    sampling = compared.sampling_seconds
    return {
        "sampling_seconds": sampling, "network_seconds": network, "hybrid_seconds": hybrid,
        "ratio_all_folds": (sampling + network) / hybrid,
        "ratio_one_model": (sampling + network / folds) / (hybrid / folds),
        "chain_steps": float(compared.calibration.steps.sum()),
    }  # fmt: skip


def eligibility(compared: Compared, r_hat: float) -> dict[str, int]:
    """Counts of sites by what the sampler says of them."""
    calibration = compared.calibration
    converged = calibration.r_hat.mean(axis=1) < r_hat
    return {
        "sites": len(converged),
        "eligible": int(calibration.eligible.sum()),
        "not_converged": int((~converged).sum()),
        "no_fit": int((converged & ~calibration.eligible).sum()),
        "every_parameter_converged": int((calibration.r_hat.max(axis=1) < r_hat).sum()),
    }


def correlation(first: Array, second: Array) -> float:
    """Pearson correlation; NaN where one does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def positions_table(held_out: HeldOut, names: tuple[str, ...], prefix: str) -> dict[str, Array]:
    """Columns of the positions of the parameters of one peer.

    Parameters
    ----------
    held_out : HeldOut
        Of the peer.
    names : tuple of str
        Of the parameters.
    prefix : str
        Of the columns.

    Returns
    -------
    dict of str to array, shape (site,)
    """
    return {f"{prefix}.{name}": held_out.positions[:, k] for k, name in enumerate(names)}
