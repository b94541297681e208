"""What the depth of a layer means for a process model, and its share of what enters the whole column by roots."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.options.layer_depth import LAYER_INPUTS, LAYER_TOP
from hybridmap.process import ProcessModel

THICKNESS = "depth"
"""Forcing of a process model of one layer: its thickness [m]."""
CM_PER_M = 100.0
PER_AREA = "m-2"


def root_share(top_m: Tensor, bottom_m: Tensor, beta: float) -> Tensor:
    """Share of an input of the whole column that enters a layer, where the input follows the roots.

    The cumulative share of roots down to a depth of d cm is ``1 - beta ** d``, so the shares of layers that touch add
    up, and those of a column to 1.

    Parameters
    ----------
    top_m, bottom_m : Tensor, shape (site,)
        Ends of the layer [m].
    beta : float
        Shape of the profile, a cm; the nearer to 1, the deeper.

    Returns
    -------
    Tensor, shape (site,)
        From 0 to 1.

    Notes
    -----
    Gale & Grigal 1987, doi 10.1139/x87-131; Jackson et al. 1996, doi 10.1007/BF00333714, table 1: 0.966 for the roots
    of all biomes together, 0.914 (tundra) to 0.976 (temperate coniferous forest).

    Examples
    --------
    Half of the roots are in the upper 20 cm:

    >>> root_share(torch.tensor([0.0, 0.2]), torch.tensor([0.2, 1.0]), 0.966)
    tensor([0.4993, 0.4692])
    """
    base = torch.as_tensor(beta, dtype=top_m.dtype, device=top_m.device)
    return base ** (CM_PER_M * top_m) - base ** (CM_PER_M * bottom_m)


def _check_entries(process: ProcessModel) -> None:
    """Raise ValueError for a forcing per area of which nobody said whether each layer gets all of it."""
    for variable in process.forcing:
        if variable.enters_by_roots is None and PER_AREA in variable.unit.split():
            raise ValueError(
                f"{process.name}: forcing '{variable.name}' is per area [{variable.unit}], and observations are layers:"
                f" each would get all of it. Declare Variable('{variable.name}', ..., enters_by_roots=True), so that a"
                " layer gets the share of its roots, or False if all of it enters every layer."
            )


class LayerDepth:
    """What the depth of its layers means for a process model: what it is driven by, and what is seen of it.

    Parameters
    ----------
    process : ProcessModel
        Of one layer, or of a column of layers.
    constants : mapping of str to float
        Forcing that is one number for the region; for a model with layers also `LAYER_INPUTS`, the interval.
    root_beta : float or None
        Shape of the root profile; None where all observations are of one interval.

    Attributes
    ----------
    forcing_names : tuple of str
        What every site must bring.
    encoded : tuple of str
        Those of them that the encoder sees beside the covariates: a model of one layer has parameters by depth, one of
        a column has not.
    has_columns : bool
        Whether sites are layers of columns that the process model computes.

    Raises
    ------
    ValueError
        If a forcing per area says nothing of how it enters one of several layers.
    """

    def __init__(self, process: ProcessModel, constants: Mapping[str, float], root_beta: float | None) -> None:
        self.process, self.root_beta = process, root_beta
        is_by_layer = root_beta is not None
        self._is_one_of_several = is_by_layer and not process.has_layers
        self.has_columns = is_by_layer and process.has_layers
        ends = LAYER_INPUTS if is_by_layer else ()
        self.encoded: tuple[str, ...] = ends if self._is_one_of_several else ()
        required = [v.name for v in process.forcing if not v.optional and v.name not in constants]
        if self._is_one_of_several:
            required = [name for name in required if name != THICKNESS]
        self.forcing_names = (*required, *ends)
        names = {v.name for v in process.forcing}
        self._takes_thickness = self._is_one_of_several and THICKNESS in names
        if self._is_one_of_several:
            _check_entries(process)
        self._by_roots = tuple(v.name for v in process.forcing if v.enters_by_roots) if self._is_one_of_several else ()

    def forcing_of(self, driven: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Forcing of the process model: without the ends of layers, with the thickness and the share of inputs.

        Parameters
        ----------
        driven : mapping of str to Tensor, shape (site, ...)
            What sites bring, and constants.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
        """
        forcing = {name: values for name, values in driven.items() if name not in LAYER_INPUTS}
        if not self._is_one_of_several or self.root_beta is None:
            return forcing
        top, bottom = (driven[name] for name in LAYER_INPUTS)
        if self._takes_thickness:
            forcing[THICKNESS] = bottom - top
        share = root_share(top, bottom, self.root_beta)
        return forcing | {name: forcing[name] * share for name in self._by_roots if name in forcing}

    def observed(self, outputs: dict[str, Tensor], ends: Mapping[str, Tensor | float], axis: int) -> dict[str, Tensor]:
        """Outputs as a sample of an interval shows them; as they are where no interval is given.

        Parameters
        ----------
        outputs : dict of str to Tensor, shape (..., site) or (..., site, layer)
            Of the process model, and others.
        ends : mapping of str to Tensor, shape (..., site), or float
            With `LAYER_INPUTS` [m], if an interval is given.
        axis : int
            That of the sites: 0, or 1 behind a member axis.

        Returns
        -------
        dict of str to Tensor, shape (..., site)
        """
        if not self.process.has_layers or LAYER_TOP not in ends:
            return outputs
        declared = {v.name for v in self.process.outputs}
        flat = {name: values.flatten(0, axis) for name, values in outputs.items() if name in declared}
        first = next(iter(flat.values()))
        shape = next(values.shape[: axis + 1] for name, values in outputs.items() if name in declared)
        top, bottom = (torch.as_tensor(ends[n], dtype=first.dtype, device=first.device).flatten() for n in LAYER_INPUTS)
        means = self.process.observe(flat, top, bottom)
        return outputs | {name: values.reshape(*shape, *values.shape[1:]) for name, values in means.items()}
