# mypy: disable-error-code="no-untyped-def, untyped-decorator"
"""Kernel from months to layers: means of the scalars, their derivatives, and the shapes of transport."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5.gpu.column import (
    DOWN_ANIMALS,
    DOWN_FLOOR,
    DOWN_FROST,
    EPS,
    FROST_FLOOR,
    INTERFACE,
    LAYERS,
    LITTER,
    LITTER_OPEN,
    LITTER_WARM,
    PERMAFROST_DEPTH,
    Q10,
    REFERENCE_KELVIN,
    SOIL,
    SOIL_OPEN,
    SOIL_WARM,
    SPACING,
    UP_ANIMALS,
    UP_FLOOR,
    UP_FROST,
    W_SCALING,
    WEIGHT,
    finite,
    parameter,
    write,
)


@triton.jit
def _shape(level, active, bedrock, frost, animals, floor, geometry):
    """Diffusivity at the lower interface of a level, over that of frost or animals."""
    interface = tl.load(geometry + INTERFACE + level)
    taper = 1.0 - (interface - active) / tl.maximum(floor - active, 1e-12)
    taper = tl.minimum(tl.maximum(taper, 0.0), 1.0)
    shape = tl.where(interface < active, 1.0, tl.where(interface <= floor, taper, 0.0))
    shape = tl.where(animals, 1.0, tl.where(frost, shape, 0.0))
    return tl.where(level <= bedrock, shape, 0.0)


@triton.jit
def _face(level, upper, lower, geometry):
    """Conductance between a level and the next: per diffusivity, at the floor of diffusivity, and with advection."""
    spacing = tl.load(geometry + SPACING + level + 1)
    w = tl.load(geometry + WEIGHT + level)
    mixed = (upper > 0.0) & (lower > 0.0)
    harmonic = (1.0 - w) / tl.where(mixed, lower, 1.0) + w / tl.where(mixed, upper, 1.0)
    g = tl.where(mixed, 1.0 / harmonic / spacing, 0.0)
    resistance = tl.where(lower > 0.0, 0.0, 1.0 - w) + tl.where(upper > 0.0, 0.0, w)
    bare = tl.where(mixed, 0.0, EPS / (tl.maximum(resistance, 1e-12) * spacing))
    patankar = tl.maximum(1.0 - 0.1 * EPS / tl.maximum(bare, EPS * 1e-3), 0.0)
    squared = patankar * patankar
    return g, bare, bare * (squared * squared * patankar)


@triton.jit(do_not_specialize=["sites"])
def months_to_layers(
    parameters, temperature, water, oxygen, nitrogen, sand, altmax, altmax_lastyear, nbedrock, geometry, out, sites,
    HAS_SAND: tl.constexpr, BEDROCK_LEAK: tl.constexpr, FIXED_FLOOR: tl.constexpr, MONTHS: tl.constexpr,
    PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Means over months for one layer of a block of sites; NaN where a number is missing.

    Parameters
    ----------
    parameters : pointer
        Array of shape (21, site).
    temperature, water, oxygen, nitrogen, sand : pointer
        Forcing (site, layer, month).
    altmax, altmax_lastyear, nbedrock : pointer
        Forcing (site, month).
    geometry : pointer
        Rows of the vertical grid.
    out : pointer
        Filled here: (12, layer, site), rows as in :mod:`hybridmap.process.clm5.gpu.column`.
    sites : int
        Sites of the batch.
    HAS_SAND, BEDROCK_LEAK, FIXED_FLOOR : bool
        Whether there is sand, and the switches of the model.
    MONTHS, PADDED, BLOCK : int
        Number of months, the next power of two, and sites of a program.
    """
    sites = sites.to(tl.int64)
    site = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    layer = tl.program_id(1)
    valid = site < sites
    month = tl.arange(0, PADDED)
    valid_months = valid[:, None] & (month < MONTHS)[None, :]
    cell = (site[:, None] * LAYERS + layer) * MONTHS + month[None, :]
    warm = tl.load(temperature + cell, mask=valid_months, other=REFERENCE_KELVIN).to(tl.float64)
    wet = tl.load(water + cell, mask=valid_months, other=0.0).to(tl.float64)
    oxic = tl.load(oxygen + cell, mask=valid_months, other=0.0).to(tl.float64)
    supplied = tl.load(nitrogen + cell, mask=valid_months, other=0.0).to(tl.float64)
    total = tl.sum(warm + wet + oxic + supplied, 1)
    if HAS_SAND:
        total += tl.sum(tl.load(sand + cell, mask=valid_months, other=0.0).to(tl.float64), 1)

    q10, scaling = parameter(parameters, Q10, sites, site, valid), parameter(parameters, W_SCALING, sites, site, valid)
    warm -= REFERENCE_KELVIN
    wet *= scaling[:, None]
    product = tl.exp(warm * (tl.log(q10) / 10.0)[:, None]) * tl.where(wet > 1.0, 1.0, wet) * oxic
    open_ = tl.where(wet < 1.0, product, 0.0)
    soil = tl.where(finite(total), tl.sum(product, 1) / MONTHS, float("nan"))
    write(out, SOIL, layer, sites, site, soil, valid)
    write(out, LITTER, layer, sites, site, tl.sum(product * supplied, 1) / MONTHS, valid)
    write(out, SOIL_WARM, layer, sites, site, tl.sum(product * warm, 1) / MONTHS, valid)
    write(out, LITTER_WARM, layer, sites, site, tl.sum(product * warm * supplied, 1) / MONTHS, valid)
    write(out, SOIL_OPEN, layer, sites, site, tl.sum(open_, 1) / MONTHS, valid)
    write(out, LITTER_OPEN, layer, sites, site, tl.sum(open_ * supplied, 1) / MONTHS, valid)

    flat = site[:, None] * MONTHS + month[None, :]
    this_year = tl.load(altmax + flat, mask=valid_months, other=0.0).to(tl.float64)
    last_year = tl.load(altmax_lastyear + flat, mask=valid_months, other=0.0).to(tl.float64)
    bedrock_index = tl.load(nbedrock + flat, mask=valid_months, other=0.0).to(tl.int32)
    active = tl.maximum(this_year, last_year)
    frost = (active > 0.0) & (active <= PERMAFROST_DEPTH)
    animals = active > PERMAFROST_DEPTH
    active = tl.where(animals, 99.0, tl.maximum(active, 0.0))
    floor = tl.full([BLOCK, PADDED], FROST_FLOOR, tl.float64)
    if not FIXED_FLOOR:
        below = tl.minimum(tl.maximum(bedrock_index + 1, 0), LAYERS)
        floor = tl.minimum(tl.load(geometry + INTERFACE + below), floor)
    layer_above = tl.maximum(layer - 1, 0)
    shape_above = _shape(layer_above, active, bedrock_index, frost, animals, floor, geometry)
    shape = _shape(layer, active, bedrock_index, frost, animals, floor, geometry)
    shape_below = _shape(layer + 1, active, bedrock_index, frost, animals, floor, geometry)
    up, up_bare, up_floor = _face(layer_above, shape_above, shape, geometry)
    down, down_bare, down_floor = _face(layer, shape, shape_below, geometry)
    first = layer == 0
    up, up_bare, up_floor = tl.where(first, 0.0, up), tl.where(first, 0.0, up_bare), tl.where(first, 0.0, up_floor)
    if BEDROCK_LEAK:
        # As published: towards the rock the conductance of the layer's upper face, and an advective EPS.
        inside = layer < bedrock_index
        down = tl.where(inside | first, down, up)
        top_floor = tl.where(bedrock_index > 0, down_floor, down_bare)
        down_floor = tl.where(first, top_floor, tl.where(inside, down_floor, up_bare))
        up_floor += EPS

    by_frost, by_animals = tl.where(valid_months & frost, 1.0, 0.0), tl.where(valid_months & animals, 1.0, 0.0)
    write(out, UP_FROST, layer, sites, site, tl.sum(up * by_frost, 1) / MONTHS, valid)
    write(out, UP_ANIMALS, layer, sites, site, tl.sum(up * by_animals, 1) / MONTHS, valid)
    write(out, DOWN_FROST, layer, sites, site, tl.sum(down * by_frost, 1) / MONTHS, valid)
    write(out, DOWN_ANIMALS, layer, sites, site, tl.sum(down * by_animals, 1) / MONTHS, valid)
    up_floor, down_floor = tl.where(valid_months, up_floor, 0.0), tl.where(valid_months, down_floor, 0.0)
    write(out, UP_FLOOR, layer, sites, site, tl.sum(up_floor, 1) / MONTHS, valid)
    write(out, DOWN_FLOOR, layer, sites, site, tl.sum(down_floor, 1) / MONTHS, valid)
