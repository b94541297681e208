# mypy: disable-error-code="no-untyped-def"
"""Kernel from months to layers: means of the scalars, their derivatives, and the shapes of transport."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5.gpu.parts import (
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
def _face(level, upper, here, geometry):
    """Conductance between a level and the next: per diffusivity, at the floor of diffusivity, and with advection."""
    spacing = tl.load(geometry + SPACING + level + 1)
    w = tl.load(geometry + WEIGHT + level)
    mixed = (upper > 0.0) & (here > 0.0)
    harmonic = (1.0 - w) / tl.where(mixed, here, 1.0) + w / tl.where(mixed, upper, 1.0)
    g = tl.where(mixed, 1.0 / harmonic / spacing, 0.0)
    resistance = tl.where(here > 0.0, 0.0, 1.0 - w) + tl.where(upper > 0.0, 0.0, w)
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
    """Means over months for one layer of a block of sites: (12 rows, layer, site); NaN where a number is missing."""
    sites = sites.to(tl.int64)
    site = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    layer = tl.program_id(1)
    known = site < sites
    month = tl.arange(0, PADDED)
    here = known[:, None] & (month < MONTHS)[None, :]
    cell = (site[:, None] * LAYERS + layer) * MONTHS + month[None, :]
    warm = tl.load(temperature + cell, mask=here, other=REFERENCE_KELVIN).to(tl.float64)
    wet = tl.load(water + cell, mask=here, other=0.0).to(tl.float64)
    oxic = tl.load(oxygen + cell, mask=here, other=0.0).to(tl.float64)
    supplied = tl.load(nitrogen + cell, mask=here, other=0.0).to(tl.float64)
    total = tl.sum(warm + wet + oxic + supplied, 1)
    if HAS_SAND:
        total += tl.sum(tl.load(sand + cell, mask=here, other=0.0).to(tl.float64), 1)

    q10, scaling = parameter(parameters, Q10, sites, site, known), parameter(parameters, W_SCALING, sites, site, known)
    warm -= REFERENCE_KELVIN
    wet *= scaling[:, None]
    product = tl.exp(warm * (tl.log(q10) / 10.0)[:, None]) * tl.where(wet > 1.0, 1.0, wet) * oxic
    open_ = tl.where(wet < 1.0, product, 0.0)
    soil = tl.where(finite(total), tl.sum(product, 1) / MONTHS, float("nan"))
    write(out, SOIL, layer, sites, site, soil, known)
    write(out, LITTER, layer, sites, site, tl.sum(product * supplied, 1) / MONTHS, known)
    write(out, SOIL_WARM, layer, sites, site, tl.sum(product * warm, 1) / MONTHS, known)
    write(out, LITTER_WARM, layer, sites, site, tl.sum(product * warm * supplied, 1) / MONTHS, known)
    write(out, SOIL_OPEN, layer, sites, site, tl.sum(open_, 1) / MONTHS, known)
    write(out, LITTER_OPEN, layer, sites, site, tl.sum(open_ * supplied, 1) / MONTHS, known)

    flat = site[:, None] * MONTHS + month[None, :]
    this = tl.load(altmax + flat, mask=here, other=0.0).to(tl.float64)
    last = tl.load(altmax_lastyear + flat, mask=here, other=0.0).to(tl.float64)
    bedrock_index = tl.load(nbedrock + flat, mask=here, other=0.0).to(tl.int32)
    active = tl.maximum(this, last)
    frost = (active > 0.0) & (active <= PERMAFROST_DEPTH)
    animals = active > PERMAFROST_DEPTH
    active = tl.where(animals, 99.0, tl.maximum(active, 0.0))
    floor = tl.full([BLOCK, PADDED], FROST_FLOOR, tl.float64)
    if not FIXED_FLOOR:
        below = tl.minimum(tl.maximum(bedrock_index + 1, 0), LAYERS)
        floor = tl.minimum(tl.load(geometry + INTERFACE + below), floor)
    before = tl.maximum(layer - 1, 0)
    shape_before = _shape(before, active, bedrock_index, frost, animals, floor, geometry)
    shape = _shape(layer, active, bedrock_index, frost, animals, floor, geometry)
    shape_after = _shape(layer + 1, active, bedrock_index, frost, animals, floor, geometry)
    up, up_bare, up_floor = _face(before, shape_before, shape, geometry)
    down, down_bare, down_floor = _face(layer, shape, shape_after, geometry)
    first = layer == 0
    up, up_bare, up_floor = tl.where(first, 0.0, up), tl.where(first, 0.0, up_bare), tl.where(first, 0.0, up_floor)
    if BEDROCK_LEAK:
        # As published: towards the rock the conductance of the layer's upper face, and an advective EPS.
        inside = layer < bedrock_index
        down = tl.where(inside | first, down, up)
        top_floor = tl.where(bedrock_index > 0, down_floor, down_bare)
        down_floor = tl.where(first, top_floor, tl.where(inside, down_floor, up_bare))
        up_floor += EPS

    by_frost, by_animals = tl.where(here & frost, 1.0, 0.0), tl.where(here & animals, 1.0, 0.0)
    write(out, UP_FROST, layer, sites, site, tl.sum(up * by_frost, 1) / MONTHS, known)
    write(out, UP_ANIMALS, layer, sites, site, tl.sum(up * by_animals, 1) / MONTHS, known)
    write(out, DOWN_FROST, layer, sites, site, tl.sum(down * by_frost, 1) / MONTHS, known)
    write(out, DOWN_ANIMALS, layer, sites, site, tl.sum(down * by_animals, 1) / MONTHS, known)
    up_floor, down_floor = tl.where(here, up_floor, 0.0), tl.where(here, down_floor, 0.0)
    write(out, UP_FLOOR, layer, sites, site, tl.sum(up_floor, 1) / MONTHS, known)
    write(out, DOWN_FLOOR, layer, sites, site, tl.sum(down_floor, 1) / MONTHS, known)
