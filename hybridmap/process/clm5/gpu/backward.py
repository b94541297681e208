# mypy: disable-error-code="no-untyped-def, untyped-decorator"
"""Kernel of a column backward: the transposed system with the factors of the forward pass, down to the parameters."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5.gpu.column import (
    BETA,
    CRYO,
    DAYS,
    DIFFUS,
    DOWN_ANIMALS,
    DOWN_FROST,
    EFOLDING,
    FCWDL2,
    FL1S1,
    FL2S1,
    FL3S2,
    FS1S2,
    FS1S3,
    FS2S1,
    FS2S3,
    FS3S1,
    INTERFACE,
    LAYERS,
    LITTER_OPEN,
    LITTER_PIVOTS,
    LITTER_WARM,
    NODE,
    Q10,
    SOIL_OPEN,
    SOIL_WARM,
    TAU4S1,
    TAU4S2,
    TAU4S3,
    TAUCWD,
    TAUL1,
    TAUL2,
    THICKNESS,
    UP_ANIMALS,
    UP_FROST,
    W_SCALING,
    couplings,
    environment,
    inverse_row,
    lowest_layer,
    parameter,
    pool_weights,
    read,
    remaining_below,
    transfers,
    turnover,
    write,
    year_total,
)


@triton.jit
def incoming(gradient_pools, gradient_soc, pool, layer, sites, site, valid, HAS_POOLS: tl.constexpr):
    """Gradient that arrives at a pool from outside, of which SOC is part for the soil pools.

    Parameters
    ----------
    gradient_pools, gradient_soc : pointer
        Arrays of shape (7, layer, site) and (layer, site).
    pool, layer : int
        Pool, 0 to 6, and layer.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    HAS_POOLS : bool
        Whether there is a gradient of the pools.

    Returns
    -------
    block of float64
    """
    gradient = tl.zeros_like(valid.to(tl.float64))
    if HAS_POOLS:
        gradient += read(gradient_pools, pool, layer, sites, site, valid)
    if pool > 3:
        gradient += read(gradient_soc, 0, layer, sites, site, valid)
    return gradient


@triton.jit
def vertical_differences(pools, pool, layer, sites, site, valid):
    """Carbon of a pool in a layer, and how much more there is above and below; 0 more outside the column.

    Parameters
    ----------
    pools : pointer
        Array of shape (7, layer, site).
    pool, layer : int
        Pool, 0 to 6, and layer.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.

    Returns
    -------
    three blocks of float64
        Above less the layer, the layer, below less the layer [g m-3].
    """
    above, below = tl.maximum(layer - 1, 0), tl.minimum(layer + 1, LAYERS - 1)
    c = read(pools, pool, layer, sites, site, valid)
    up = read(pools, pool, above, sites, site, valid)
    return up - c, c, read(pools, pool, below, sites, site, valid) - c


@triton.jit(do_not_specialize=["sites"])
def column_backward(
    gradient_pools, gradient_soc, parameters, input_cwd, input_litter1, input_litter2, input_litter3, altmax_lastyear,
    nbedrock, months, geometry, pools, factors, bad, adjoint, gradients, sites,
    HAS_POOLS: tl.constexpr, BELOW_BEDROCK: tl.constexpr, MONTHS: tl.constexpr, PADDED: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Compute the gradients of the 21 parameters; a bad site gets 0.

    Parameters
    ----------
    gradient_pools, gradient_soc : pointer
        Arrays of shape (7, layer, site) and (layer, site).
    parameters : pointer
        Array of shape (21, site).
    input_cwd, input_litter1, input_litter2, input_litter3 : pointer
        Forcing (site, month).
    altmax_lastyear, nbedrock : pointer
        Forcing (site, month).
    months : pointer
        Array of shape (12, layer, site) that `months_to_layers` fills.
    geometry : pointer
        Rows of the vertical grid.
    pools, factors, bad : pointer
        What `column_forward` filled.
    adjoint : pointer
        Room to work in, (6, layer, site).
    gradients : pointer
        Filled here: (21, site).
    sites : int
        Sites of the batch.
    HAS_POOLS : bool
        Whether there is a gradient of the pools.
    BELOW_BEDROCK : bool
        Whether litter enters the layers under the bedrock too.
    MONTHS, PADDED, BLOCK : int
        Number of months, the next power of two, and sites of a program.
    """
    sites = sites.to(tl.int64)
    site = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    valid = site < sites
    cryo = parameter(parameters, CRYO, sites, site, valid) / DAYS
    diffus = parameter(parameters, DIFFUS, sites, site, valid) / DAYS
    efolding = parameter(parameters, EFOLDING, sites, site, valid)
    taucwd, taul1, taul2, tau4s1, tau4s2, tau4s3 = turnover(parameters, sites, site, valid)
    fl1s1, fl2s1, fl3s2, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1, fcwdl2 = transfers(parameters, sites, site, valid)
    beta = parameter(parameters, BETA, sites, site, valid)
    zero = tl.zeros([BLOCK], tl.float64)

    # Soil, transposed: the couplings swap, and the pivot blocks are transposed.
    w1, w2, w3 = pool_weights(tau4s1, tau4s2, tau4s3, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1)
    x1, x2, x3, upper = zero, zero, zero, zero
    for layer in range(LAYERS):
        _, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        r1 = w1 * incoming(gradient_pools, gradient_soc, 4, layer, sites, site, valid, HAS_POOLS) + upper * x1
        r2 = w2 * incoming(gradient_pools, gradient_soc, 5, layer, sites, site, valid, HAS_POOLS) + upper * x2
        r3 = w3 * incoming(gradient_pools, gradient_soc, 6, layer, sites, site, valid, HAS_POOLS) + upper * x3
        p1, q1, s1 = inverse_row(factors, 0, layer, sites, site, valid)
        p2, q2, s2 = inverse_row(factors, 1, layer, sites, site, valid)
        p3, q3, s3 = inverse_row(factors, 2, layer, sites, site, valid)
        x1, x2, x3 = p1 * r1 + p2 * r2 + p3 * r3, q1 * r1 + q2 * r2 + q3 * r3, s1 * r1 + s2 * r2 + s3 * r3
        write(adjoint, 3, layer, sites, site, x1, valid)
        write(adjoint, 4, layer, sites, site, x2, valid)
        write(adjoint, 5, layer, sites, site, x3, valid)
        upper = c

    tl.debug_barrier()  # what one thread wrote above another may read below
    x1, x2, x3, lower = zero, zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, _ = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        r1, r2, r3 = lower * x1, lower * x2, lower * x3
        lower = a
        p1, q1, s1 = inverse_row(factors, 0, layer, sites, site, valid)
        p2, q2, s2 = inverse_row(factors, 1, layer, sites, site, valid)
        p3, q3, s3 = inverse_row(factors, 2, layer, sites, site, valid)
        y1 = read(adjoint, 3, layer, sites, site, valid)
        y2 = read(adjoint, 4, layer, sites, site, valid)
        y3 = read(adjoint, 5, layer, sites, site, valid)
        x1 = y1 + (p1 * r1 + p2 * r2 + p3 * r3)
        x2 = y2 + (q1 * r1 + q2 * r2 + q3 * r3)
        x3 = y3 + (s1 * r1 + s2 * r2 + s3 * r3)
        write(adjoint, 3, layer, sites, site, x1 / w1, valid)
        write(adjoint, 4, layer, sites, site, x2 / w2, valid)
        write(adjoint, 5, layer, sites, site, x3 / w3, valid)

    # Litter, transposed.
    tl.debug_barrier()
    x1, x2, x3, ratio1, ratio2 = zero, zero, zero, zero, zero
    for layer in range(LAYERS):
        _, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        _, decay_litter, _ = environment(months, layer, sites, site, valid, efolding, geometry)
        pivot1 = read(factors, LITTER_PIVOTS, layer, sites, site, valid)
        pivot2 = read(factors, LITTER_PIVOTS + 1, layer, sites, site, valid)
        soil1 = read(adjoint, 3, layer, sites, site, valid)
        soil2 = read(adjoint, 4, layer, sites, site, valid)
        r1 = incoming(gradient_pools, gradient_soc, 1, layer, sites, site, valid, HAS_POOLS)
        r2 = incoming(gradient_pools, gradient_soc, 2, layer, sites, site, valid, HAS_POOLS)
        r3 = incoming(gradient_pools, gradient_soc, 3, layer, sites, site, valid, HAS_POOLS)
        x1 = r1 + decay_litter / taul1 * (fl1s1 * soil1) + ratio1 * x1
        x2 = r2 + decay_litter / taul2 * (fl2s1 * soil1) + ratio2 * x2
        x3 = r3 + decay_litter / taul2 * (fl3s2 * soil2) + ratio2 * x3
        ratio1, ratio2 = c * pivot1, c * pivot2
        write(adjoint, 0, layer, sites, site, x1 * pivot1, valid)
        write(adjoint, 1, layer, sites, site, x2 * pivot2, valid)
        write(adjoint, 2, layer, sites, site, x3 * pivot2, valid)

    tl.debug_barrier()
    cwd = year_total(input_cwd, site, valid, MONTHS, PADDED) / DAYS
    litter1 = year_total(input_litter1, site, valid, MONTHS, PADDED) / DAYS
    litter2 = year_total(input_litter2, site, valid, MONTHS, PADDED) / DAYS
    litter3 = year_total(input_litter3, site, valid, MONTHS, PADDED) / DAYS
    thaws = year_total(altmax_lastyear, site, valid, MONTHS, PADDED) > 0.0
    lowest = tl.full([BLOCK], LAYERS - 1, tl.int32)
    if not BELOW_BEDROCK:
        lowest = lowest_layer(nbedrock, site, valid, MONTHS, PADDED)
    log_beta = tl.log(beta)
    last = remaining_below(lowest, log_beta, geometry)
    entering = 1.0 - last
    # What remains below a depth z is beta ** (100 z): its derivative, over 100 / beta.
    slope_last = tl.load(geometry + INTERFACE + lowest) * last

    x1, x2, x3, lower = zero, zero, zero, zero
    d_cryo, d_diffus, d_efolding, d_q10, d_scaling, d_beta = zero, zero, zero, zero, zero, zero
    d_taucwd, d_taul1, d_taul2, d_tau4s1, d_tau4s2, d_tau4s3 = zero, zero, zero, zero, zero, zero
    d_fl1s1, d_fl2s1, d_fl3s2, d_fs1s2, d_fs1s3, d_fs2s1 = zero, zero, zero, zero, zero, zero
    d_fs2s3, d_fs3s1, d_fcwdl2 = zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, _ = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        decay, decay_litter, depth = environment(months, layer, sites, site, valid, efolding, geometry)
        pivot1 = read(factors, LITTER_PIVOTS, layer, sites, site, valid)
        pivot2 = read(factors, LITTER_PIVOTS + 1, layer, sites, site, valid)
        x1 = read(adjoint, 0, layer, sites, site, valid) + pivot1 * lower * x1
        x2 = read(adjoint, 1, layer, sites, site, valid) + pivot2 * lower * x2
        x3 = read(adjoint, 2, layer, sites, site, valid) + pivot2 * lower * x3
        lower = a
        y1 = read(adjoint, 3, layer, sites, site, valid)
        y2 = read(adjoint, 4, layer, sites, site, valid)
        y3 = read(adjoint, 5, layer, sites, site, valid)

        # -lambda C on the entries of the matrix; couplings see differences of neighbours.
        debris = read(pools, 0, layer, sites, site, valid)
        up, c1, down = vertical_differences(pools, 1, layer, sites, site, valid)
        d_up, d_down = x1 * up, x1 * down
        up, c2, down = vertical_differences(pools, 2, layer, sites, site, valid)
        d_up, d_down = d_up + x2 * up, d_down + x2 * down
        up, c3, down = vertical_differences(pools, 3, layer, sites, site, valid)
        d_up, d_down = d_up + x3 * up, d_down + x3 * down
        up, c4, down = vertical_differences(pools, 4, layer, sites, site, valid)
        d_up, d_down = d_up + y1 * up, d_down + y1 * down
        up, c5, down = vertical_differences(pools, 5, layer, sites, site, valid)
        d_up, d_down = d_up + y2 * up, d_down + y2 * down
        up, c6, down = vertical_differences(pools, 6, layer, sites, site, valid)
        d_up, d_down = d_up + y3 * up, d_down + y3 * down
        thickness = tl.load(geometry + THICKNESS + layer)
        d_up, d_down = d_up / thickness, d_down / thickness
        d_cryo += d_up * read(months, UP_FROST, layer, sites, site, valid)
        d_cryo += d_down * read(months, DOWN_FROST, layer, sites, site, valid)
        d_diffus += d_up * read(months, UP_ANIMALS, layer, sites, site, valid)
        d_diffus += d_down * read(months, DOWN_ANIMALS, layer, sites, site, valid)

        # Flows out of the pools, and what a unit more of a flow is worth: what arrives less what leaves.
        received = fcwdl2 * x2 + (1.0 - fcwdl2) * x3
        leaving = incoming(gradient_pools, gradient_soc, 0, layer, sites, site, valid, HAS_POOLS) * taucwd / decay
        flow = decay / taucwd * debris
        w0 = flow * (received - (leaving + received))
        d_fcwdl2 += flow * (x2 - x3)
        flow1, flow2, flow3 = decay_litter / taul1 * c1, decay_litter / taul2 * c2, decay_litter / taul2 * c3
        w1, w2, w3 = flow1 * (fl1s1 * y1 - x1), flow2 * (fl2s1 * y1 - x2), flow3 * (fl3s2 * y2 - x3)
        flow4, flow5, flow6 = decay / tau4s1 * c4, decay / tau4s2 * c5, decay / tau4s3 * c6
        w4, w5 = flow4 * (fs1s2 * y2 + fs1s3 * y3 - y1), flow5 * (fs2s1 * y1 + fs2s3 * y3 - y2)
        w6 = flow6 * (fs3s1 * y1 - y3)
        d_fl1s1, d_fl2s1, d_fl3s2 = d_fl1s1 + flow1 * y1, d_fl2s1 + flow2 * y1, d_fl3s2 + flow3 * y2
        d_fs1s2, d_fs1s3 = d_fs1s2 + flow4 * y2, d_fs1s3 + flow4 * y3
        d_fs2s1, d_fs2s3, d_fs3s1 = d_fs2s1 + flow5 * y1, d_fs2s3 + flow5 * y3, d_fs3s1 + flow6 * y1
        d_taucwd, d_taul1, d_taul2 = d_taucwd + w0, d_taul1 + w1, d_taul2 + (w2 + w3)
        d_tau4s1, d_tau4s2, d_tau4s3 = d_tau4s1 + w4, d_tau4s2 + w5, d_tau4s3 + w6
        d_soil, d_litter = (w0 + w4 + w5 + w6) / decay, (w1 + w2 + w3) / decay_litter
        node = tl.load(geometry + NODE + layer)
        d_efolding += (w0 + w1 + w2 + w3 + w4 + w5 + w6) * node
        warm = d_soil * read(months, SOIL_WARM, layer, sites, site, valid)
        warm += d_litter * read(months, LITTER_WARM, layer, sites, site, valid)
        d_q10 += depth * warm
        open_ = d_soil * read(months, SOIL_OPEN, layer, sites, site, valid)
        open_ += d_litter * read(months, LITTER_OPEN, layer, sites, site, valid)
        d_scaling += depth * open_

        # Inputs: their adjoint on the depth profile.
        worth = (cwd * (leaving + received) + litter1 * x1 + litter2 * x2 + litter3 * x3) / thickness
        edge, edge_above = (
            tl.load(geometry + INTERFACE + layer),
            tl.load(geometry + INTERFACE + tl.maximum(layer - 1, 0)),
        )
        remaining = remaining_below(layer, log_beta, geometry)
        remaining_above = remaining_below(tl.maximum(layer - 1, 0), log_beta, geometry)
        edge_above, remaining_above = tl.where(layer > 0, edge_above, 0.0), tl.where(layer > 0, remaining_above, 1.0)
        share = (remaining_above - remaining) / entering
        slope = (edge_above * remaining_above - edge * remaining + share * slope_last) / entering
        d_beta += tl.where(thaws & (layer <= lowest), worth * slope, 0.0)

    fine = tl.load(bad + site, mask=valid, other=1) == 0
    write_gradient(gradients, CRYO, d_cryo / DAYS, fine, sites, site, valid)
    write_gradient(gradients, DIFFUS, d_diffus / DAYS, fine, sites, site, valid)
    write_gradient(
        gradients, Q10, d_q10 / (10.0 * parameter(parameters, Q10, sites, site, valid)), fine, sites, site, valid
    )
    write_gradient(gradients, EFOLDING, d_efolding / (efolding * efolding), fine, sites, site, valid)
    write_gradient(gradients, TAUCWD, -d_taucwd * DAYS / taucwd, fine, sites, site, valid)
    write_gradient(gradients, TAUL1, -d_taul1 * DAYS / taul1, fine, sites, site, valid)
    write_gradient(gradients, TAUL2, -d_taul2 * DAYS / taul2, fine, sites, site, valid)
    write_gradient(gradients, TAU4S1, -d_tau4s1 * DAYS / tau4s1, fine, sites, site, valid)
    write_gradient(gradients, TAU4S2, -d_tau4s2 * DAYS / tau4s2, fine, sites, site, valid)
    write_gradient(gradients, TAU4S3, -d_tau4s3 * DAYS / tau4s3, fine, sites, site, valid)
    write_gradient(gradients, FL1S1, d_fl1s1, fine, sites, site, valid)
    write_gradient(gradients, FL2S1, d_fl2s1, fine, sites, site, valid)
    write_gradient(gradients, FL3S2, d_fl3s2, fine, sites, site, valid)
    write_gradient(gradients, FS1S2, d_fs1s2, fine, sites, site, valid)
    write_gradient(gradients, FS1S3, d_fs1s3, fine, sites, site, valid)
    write_gradient(gradients, FS2S1, d_fs2s1, fine, sites, site, valid)
    write_gradient(gradients, FS2S3, d_fs2s3, fine, sites, site, valid)
    write_gradient(gradients, FS3S1, d_fs3s1, fine, sites, site, valid)
    write_gradient(gradients, FCWDL2, d_fcwdl2, fine, sites, site, valid)
    write_gradient(
        gradients, W_SCALING, d_scaling / parameter(parameters, W_SCALING, sites, site, valid), fine, sites, site, valid
    )
    write_gradient(gradients, BETA, 100.0 * d_beta / beta, fine, sites, site, valid)


@triton.jit
def write_gradient(gradients, row, value, fine, sites, site, valid):
    """Store a gradient, or 0 for a bad site.

    Parameters
    ----------
    gradients : pointer
        Array of shape (21, site).
    row : int
        Of the parameter.
    value : block of float64
        The gradient.
    fine : block of bool
        Whether a site is not bad.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    """
    tl.store(gradients + row * sites + site, tl.where(fine, value, 0.0), mask=valid)
