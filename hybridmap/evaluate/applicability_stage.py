"""The area of applicability of one experiment, from its samples and folds."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import covariate_importance, fit_applicability
from hybridmap.experiment.layers import class_codes
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")


def learn_applicability(
    config: Config, name: str, model_path: Path, samples_path: Path, splits_path: Path, out: Path
) -> None:
    """Write what ``predict --applicability`` needs.

    Parameters
    ----------
    config : Config
        With the experiment called `name`.
    model_path : Path
        Folder of its trained model.
    samples_path, splits_path : Path
        Tables of the sample and split stages; the folds of the experiment's first scheme give the threshold.
    out : Path
        Numpy archive to write.

    Raises
    ------
    HybridmapError
        If a covariate of the model is not in the samples, or a site has no fold.
    """
    samples, splits = pd.read_parquet(samples_path), pd.read_parquet(splits_path)
    model = load_model(model_path, config.experiment(name).own_process)
    covariates, forcing = model.tensors(samples)
    scheme = config.experiment(name).splits[0]
    of_site = splits[splits["scheme"] == scheme].drop_duplicates("site_id").set_index("site_id")["fold"]
    folds = of_site.reindex(samples["site_id"])
    if folds.isna().any():
        site = samples["site_id"][folds.isna().to_numpy()].iloc[0]
        raise HybridmapError(f"{splits_path}: site '{site}' has no fold in scheme '{scheme}'; run split again.")
    outputs = [target for target in model.target_names if target in model.output_info()]
    importance = covariate_importance(model, covariates, forcing, outputs)
    classes = {n: c for n, c in class_codes(config.covariates, samples).items() if n in model.covariate_names}
    values = covariates.numpy()
    known = np.isfinite(values).all(axis=1)
    for driver in forcing.values():
        known &= driver.isfinite().numpy()
    area = fit_applicability(
        values[known],
        folds.to_numpy("int64")[known],
        model.covariate_names,
        importance,
        classes,
        config.predict.references,
    )
    area.save(out)
    order = np.argsort(area.importance)[::-1][:3]
    LOG.info(
        "area of applicability of %s: index up to %.3f, by %d of %d sites (%.1f %% judged as by all); most weight: %s",
        name,
        area.threshold,
        len(area.references),
        area.sites,
        100 * area.agreement,
        ", ".join(f"{area.names[i]} {area.importance[i]:.2f}" for i in order),
    )
