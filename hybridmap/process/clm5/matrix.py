"""The 140-pool matrix soil-carbon model of CLM5: seven pools in twenty layers at steady state."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable, check_call, gather_inputs
from hybridmap.process.clm5 import fused
from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.components import Solution, bulk_components
from hybridmap.process.clm5.inputs import depth_fractions, layer_inputs
from hybridmap.process.clm5.scalars import month_means
from hybridmap.process.clm5.solve import FRACTIONS, solve_steady_state
from hybridmap.process.clm5.transport import mixing, simple
from hybridmap.process.clm5.vertical import LAYER_INTERFACES, LAYERS, NODE_DEPTH, THICKNESS

POOLS = ("cwd", "litter1", "litter2", "litter3", "soil1", "soil2", "soil3")

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("diffus", 1e-4, 3e-5, 5e-4, "m2 yr-1", "bioturbation diffusivity"),
    Parameter("cryo", 5e-4, 3e-5, 1.6e-3, "m2 yr-1", "cryoturbation diffusivity"),
    Parameter("q10", 1.5, 1.2, 3.0, "1", "temperature sensitivity of decomposition"),
    Parameter("efolding", 0.55, 0.1, 1.0, "m", "e-folding depth of decomposition"),
    Parameter("taucwd", 3.3333, 1.0, 6.0, "yr", "turnover time of coarse woody debris"),
    Parameter("taul1", 0.0541, 1e-4, 0.11, "yr", "turnover time of metabolic litter"),
    Parameter("taul2", 0.2041, 0.1, 0.3, "yr", "turnover time of cellulose and lignin litter"),
    Parameter("tau4s1", 0.1370, 1e-4, 0.5, "yr", "turnover time of fast soil carbon"),
    Parameter("tau4s2", 5.0, 1.0, 10.0, "yr", "turnover time of slow soil carbon"),
    Parameter("tau4s3", 222.222, 20.0, 400.0, "yr", "turnover time of passive soil carbon"),
    Parameter("fl1s1", 0.45, 0.1, 0.8, "1", "fraction of metabolic litter to fast soil carbon"),
    Parameter("fl2s1", 0.5, 0.2, 0.8, "1", "fraction of cellulose litter to fast soil carbon"),
    Parameter("fl3s2", 0.5, 0.2, 0.8, "1", "fraction of lignin litter to slow soil carbon"),
    Parameter("fs1s2", 0.2, 1e-4, 0.4, "1", "fraction of fast to slow soil carbon"),
    Parameter("fs1s3", 0.05, 1e-4, 0.1, "1", "fraction of fast to passive soil carbon"),
    Parameter("fs2s1", 0.42, 0.1, 0.74, "1", "fraction of slow to fast soil carbon"),
    Parameter("fs2s3", 0.03, 1e-4, 0.1, "1", "fraction of slow to passive soil carbon"),
    Parameter("fs3s1", 0.45, 1e-4, 0.9, "1", "fraction of passive to fast soil carbon"),
    Parameter("fcwdl2", 0.76, 0.5, 1.0, "1", "fraction of coarse woody debris to cellulose litter"),
    Parameter("w_scaling", 1.0, 1e-4, 5.0, "1", "multiplier on the water scalar"),
    Parameter("beta", 0.95, 0.5, 0.9999, "1", "shape of the input depth profile, per cm"),
)
"""The 21 parameters in their fixed order; a default outside the published range is moved to the middle of it."""

TURNOVER_TIMES = ("taucwd", "taul1", "taul2", "tau4s1", "tau4s2", "tau4s3")
MONTHLY, LAYERED = ("site", "month"), ("site", "layer", "month")
FORCING = (
    Variable("input_cwd", MONTHLY, "g m-2 month-1", "carbon input to coarse woody debris", valid_range=(0.0, 1e4)),
    Variable("input_litter1", MONTHLY, "g m-2 month-1", "carbon input to metabolic litter", valid_range=(0.0, 1e4)),
    Variable("input_litter2", MONTHLY, "g m-2 month-1", "carbon input to cellulose litter", valid_range=(0.0, 1e4)),
    Variable("input_litter3", MONTHLY, "g m-2 month-1", "carbon input to lignin litter", valid_range=(0.0, 1e4)),
    Variable("altmax_lastyear", MONTHLY, "m", "active-layer depth of last year", valid_range=(0.0, 50.0)),
    Variable("altmax", MONTHLY, "m", "active-layer depth", valid_range=(0.0, 50.0)),
    Variable("nbedrock", MONTHLY, "1", "index of the bedrock layer, truncated", valid_range=(0.0, 30.0)),
    Variable("o_scalar", LAYERED, "1", "oxygen scalar", valid_range=(0.0, 1.0)),
    Variable("n_scalar", LAYERED, "1", "nitrogen scalar, on litter only", valid_range=(0.0, 1.0)),
    Variable("soil_temperature", LAYERED, "K", "soil temperature", valid_range=(180.0, 340.0)),
    Variable("w_scalar", LAYERED, "1", "water scalar", valid_range=(0.0, 1.0)),
    Variable("sand", LAYERED, "pct", "sand; unused, but a NaN blanks the site as published", True, (0.0, 100.0)),
)
OUTPUTS = (
    Variable("pools", ("site", "pool", "layer"), "g m-3", "carbon of cwd, litter1-3 and soil1-3"),
    Variable("soc", ("site", "layer"), "g m-3", "soil organic carbon: the three soil pools"),
)


class Clm5(ProcessModel):
    """Steady state of the CLM5 soil-carbon matrix (Lu et al. 2020; Tao et al. 2020; Xu et al. 2025, as released).

    Parameters
    ----------
    as_published : bool
        Every quirk of the released program that moves numbers: sets the three switches below to True, True, "3m",
        and keeps the slips in :meth:`components`.
    bedrock_leak : bool
        Whether the lowest mixed layer loses carbon to the rock with the conductance of its upper face. Published so,
        with an upward drift of 1e-30 m day-1 that makes and loses carbon where frozen layers hold absurd amounts; False
        conserves mass.
    inputs_below_bedrock : bool
        Whether litter also enters the layers under the bedrock, where it hardly decomposes and can pile up to
        absurd densities. Published so; False spreads it over the layers above.
    cryoturbation_floor : {"bedrock", "3m"}
        Where the taper of cryoturbation ends: at the smaller of 3 m and the lower interface of the layer under
        the bedrock index, as in CLM5, or always at 3 m, as published.
    transport : {"mixing", "simple_one", "simple_two"}
        ``simple_*`` replaces mixing by rates falling with depth as a power law, which re-use the normalised values of
        `diffus` and `cryo` as slope and intercept (one), and add the parameter `simple_down` (two).
    kernel : {"auto", "torch", "triton"}
        How to compute: by tensor operations, or on a CUDA device by fused kernels, which need Triton. "auto" takes
        the kernels where it can, and says why where a GPU must do without. The numbers agree to rounding.

    Raises
    ------
    ValueError
        For an unknown option value.

    Examples
    --------
    One site, every month alike, 10 degC in all layers:

    >>> constant = {
    ...     "input_cwd": 5.0, "input_litter1": 10.0, "input_litter2": 20.0, "input_litter3": 10.0,
    ...     "altmax": 42.0, "altmax_lastyear": 42.0, "nbedrock": 12.0,
    ...     "soil_temperature": 283.15, "w_scalar": 0.6, "o_scalar": 1.0, "n_scalar": 0.8,
    ... }
    >>> model = Clm5()
    >>> sizes = {"site": 1, "layer": 20, "month": 12}
    >>> forcing = {
    ...     v.name: torch.full([sizes[d] for d in v.dims], constant[v.name]) for v in model.forcing if not v.optional
    ... }
    >>> out = model({}, forcing)
    >>> tuple(out["pools"].shape)
    (1, 7, 20)
    >>> out["soc"][0, [0, 5, 10]].round()  # g m-3
    tensor([39092., 23468.,  7246.])
    >>> model.stock(out["soc"]).round()  # g m-2
    tensor([34993.])
    """

    name: ClassVar[str] = "clm5"
    parameters = PARAMETERS
    forcing = FORCING
    outputs = OUTPUTS
    layer_interfaces = LAYER_INTERFACES

    def __init__(
        self,
        as_published: bool = False,
        bedrock_leak: bool = False,
        inputs_below_bedrock: bool = False,
        cryoturbation_floor: str = "bedrock",
        transport: str = "mixing",
        kernel: str = "auto",
    ) -> None:
        if transport not in ("mixing", "simple_one", "simple_two"):
            raise ValueError(f"clm5: transport '{transport}' is not one of 'mixing', 'simple_one', 'simple_two'.")
        if cryoturbation_floor not in ("bedrock", "3m"):
            raise ValueError(f"clm5: cryoturbation_floor '{cryoturbation_floor}' is not one of 'bedrock', '3m'.")
        if kernel not in ("auto", "torch", "triton"):
            raise ValueError(f"clm5: kernel '{kernel}' is not one of 'auto', 'torch', 'triton'.")
        self.bedrock_leak = as_published or bedrock_leak
        self.inputs_below_bedrock = as_published or inputs_below_bedrock
        self.fixed_floor = as_published or cryoturbation_floor == "3m"
        self.published_components = as_published
        self.transport, self.kernel = transport, kernel
        if transport == "simple_two":
            down = Parameter("simple_down", 0.5, 0.0, 1.0, "1", "normalised intercept of downward transport")
            self.parameters = (*PARAMETERS, down)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carbon per pool and layer [g m-3], and SOC per layer; see :class:`ProcessModel`.

        A site with NaN in a parameter or forcing, or with a layer that never decomposes, is NaN; others are untouched.
        """
        if self._takes_kernels(forcing):
            return self._by_kernels(parameters, forcing)
        p, f, dtype = gather_inputs(self, parameters, forcing)
        return _outputs(self._solve(p, f), dtype)

    def _takes_kernels(self, forcing: Mapping[str, Tensor]) -> bool:
        on_gpu = next(iter(forcing.values())).is_cuda if forcing else False
        if self.kernel == "torch" or (self.kernel == "auto" and not on_gpu):
            return False
        reason = fused.reason_against(forcing, self.transport)
        if reason and self.kernel == "triton":
            raise ValueError(f"clm5: kernel 'triton' cannot be used: {reason}. Take 'auto' or 'torch'.")
        if reason:
            fused.warn_slow(reason)
        return reason is None

    def _by_kernels(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        _, dtype, device = check_call(self, parameters, forcing)
        completed = [
            parameters[p.name].to(device, dtype)
            if p.name in parameters
            else torch.full((), p.default, dtype=dtype, device=device)
            for p in self.parameters
        ]
        pools, soc, bad = fused.steady_state(
            completed, forcing, (self.bedrock_leak, self.inputs_below_bedrock, self.fixed_floor)
        )
        # A graph that is being captured cannot wait for a number.
        capturing = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        if not capturing and bool(bad.any()):
            _warn_bad(bad)
        return {"pools": pools.to(dtype), "soc": soc.to(dtype)}

    def components(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bulk components behind SOC, each (site,); see :func:`hybridmap.process.clm5.components.bulk_components`."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        return self._components(self._solve(p, f), dtype)

    def traced(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carbon and bulk components of one solution, as of a call and of :meth:`components`."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        solution = self._solve(p, f)
        return {**_outputs(solution, dtype), **self._components(solution, dtype)}

    def _components(self, solution: Solution, dtype: torch.dtype) -> dict[str, Tensor]:
        components = bulk_components(solution, self.published_components)
        return {name: torch.where(solution.bad, torch.nan, value).to(dtype) for name, value in components.items()}

    def _solve(self, p: Mapping[str, Tensor], f: Mapping[str, Tensor]) -> Solution:
        sites = f["input_cwd"].shape[0]
        p = {name: value if value.shape == (sites,) else value.expand(sites) for name, value in p.items()}
        p, f, bad = _screen(p, f)
        decay, decay_litter = self.decay(p, f)
        # Without decomposition in some layer nothing leaves its woody debris: no steady state.
        idle = (decay == 0) | (decay_litter == 0)
        decay, decay_litter = (torch.where(idle, 1.0, d) for d in (decay, decay_litter))
        bad = bad | idle.any(0)
        cwd, litter1, litter2, *soil = (1.0 / (DAYS * torch.stack([p[name] for name in TURNOVER_TIMES]))).unbind(0)
        cellulose = decay_litter * litter2
        k = torch.stack([decay * cwd, decay_litter * litter1, cellulose, cellulose, *(decay * rate for rate in soil)])
        fractions = torch.stack([p[name] for name in FRACTIONS])
        depth_shares = depth_fractions(p["beta"], f, self.inputs_below_bedrock)
        up, down = self.couplings(p, f)
        supply = layer_inputs(f, depth_shares)
        pools = solve_steady_state(up, down, k, fractions, supply, self.transport != "mixing")
        return Solution(p, f, pools, up + down, k, depth_shares, bad)

    def decay(self, p: Mapping[str, Tensor], f: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Environmental scalars of soil and of litter, dimensionless, shape (layer, site)."""
        soil, litter = month_means(
            p["q10"], p["w_scaling"], f["soil_temperature"], f["w_scalar"], f["o_scalar"], f["n_scalar"]
        )
        depth = torch.exp(-NODE_DEPTH[:LAYERS, None].to(p["efolding"]) / p["efolding"])
        return depth * soil, depth * litter

    def couplings(self, p: Mapping[str, Tensor], f: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Coupling of each layer with the one above and below [day-1], shape (layer, site); see :meth:`bands`."""
        if self.transport == "mixing":
            return mixing(p["cryo"], p["diffus"], f, self.bedrock_leak, self.fixed_floor)
        table = {parameter.name: parameter for parameter in PARAMETERS}
        slope, up = ((p[n] - table[n].lower) / (table[n].upper - table[n].lower) for n in ("diffus", "cryo"))
        return simple(slope, up, p["simple_down"] if self.transport == "simple_two" else up, f["nbedrock"])

    def bands(self, p: Mapping[str, Tensor], f: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Lower, main and upper diagonal of the vertical operator [day-1], each of shape (layer, site)."""
        up, down = self.couplings(p, f)
        if self.transport != "mixing":  # rates out of a layer, in the rows of its neighbours
            return -down.roll(1, 0), up + down, -up.roll(-1, 0)
        return -up, up + down, -down

    def at_depth(self, soc: Tensor, depth: Tensor) -> Tensor:
        """Interpolate SOC linearly between node depths, constant beyond the first and the last node.

        Parameters
        ----------
        soc : Tensor, shape (site, layer)
            As returned, g m-3.
        depth : Tensor, shape (site, n)
            Depths [m]; NaN gives NaN.

        Returns
        -------
        Tensor, shape (site, n), in the unit of `soc`.
        """
        nodes = NODE_DEPTH[:LAYERS].to(depth)
        bounded = torch.nan_to_num(depth, nan=0.0).clamp(float(nodes[0]), float(nodes[-1]))
        right = torch.searchsorted(nodes, bounded.contiguous()).clamp(1, LAYERS - 1)
        share = (bounded - nodes[right - 1]) / (nodes[right] - nodes[right - 1])
        low, high = soc.gather(1, right - 1), soc.gather(1, right)
        value = torch.where(share == 1, high, low + share.to(soc) * (high - low))
        return torch.where(depth.isnan(), torch.full_like(value, torch.nan), value)

    def stock(self, soc: Tensor, layers: int = LAYERS) -> Tensor:
        """SOC stock [g m-2] of the uppermost `layers` layers, shape (site,)."""
        return soc[:, :layers] @ THICKNESS[:layers].to(soc)


def _outputs(solution: Solution, dtype: torch.dtype) -> dict[str, Tensor]:
    pools, bad = solution.pools.permute(2, 0, 1), solution.bad
    if bool(bad.any()):
        _warn_bad(bad)
        pools = torch.where(bad[:, None, None], torch.nan, pools)
    return {"pools": pools.to(dtype), "soc": pools[:, 4:].sum(1).to(dtype)}


def _warn_bad(bad: Tensor) -> None:
    warnings.warn(
        f"clm5: {int(bad.sum())} of {len(bad)} sites are NaN: a value is missing or a layer never decomposes.",
        RuntimeWarning,
        stacklevel=4,
    )


def _screen(p: Mapping[str, Tensor], f: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Find the sites with a missing value, and put harmless numbers there so that they cannot spoil gradients."""
    total = sum((v.sum(tuple(range(1, v.ndim))) for v in f.values()), torch.stack(list(p.values())).sum(0))
    bad = ~torch.isfinite(total)
    if not bool(bad.any()):
        return dict(p), dict(f), bad
    neutral = {parameter.name: parameter.default for parameter in PARAMETERS}
    safe_p = {n: torch.where(bad, neutral.get(n, 0.5), v) for n, v in p.items()}
    safe_f = {}
    for name, values in f.items():
        fill = 280.0 if name == "soil_temperature" else 1.0
        safe_f[name] = torch.where(bad.reshape(-1, *(1,) * (values.ndim - 1)), fill, values)
    return safe_p, safe_f, bad
