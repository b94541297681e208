# mypy: disable-error-code="no-untyped-def, untyped-decorator"
"""Kernel of a column forward: litter, soil, and the factors that the backward pass needs."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5.gpu.column import (
    BETA,
    CRYO,
    DAYS,
    DIFFUS,
    EFOLDING,
    LAYERS,
    LITTER_PIVOTS,
    Q10,
    SOIL_INVERSE,
    THICKNESS,
    W_SCALING,
    at,
    couplings,
    environment,
    finite,
    inverse,
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


@triton.jit(do_not_specialize=["sites"])
def column_forward(
    parameters, input_cwd, input_litter1, input_litter2, input_litter3, altmax, altmax_lastyear, nbedrock, months,
    geometry, pools, soc, factors, bad, sites,
    BELOW_BEDROCK: tl.constexpr, MONTHS: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Compute pools, SOC, factors for the backward pass, and which sites are bad.

    Parameters
    ----------
    parameters : pointer
        Array of shape (21, site).
    input_cwd, input_litter1, input_litter2, input_litter3 : pointer
        Forcing (site, month).
    altmax, altmax_lastyear, nbedrock : pointer
        Forcing (site, month).
    months : pointer
        Array of shape (12, layer, site) that `months_to_layers` fills.
    geometry : pointer
        Rows of the vertical grid.
    pools, soc, factors, bad : pointer
        Filled here: pools (7, layer, site) and SOC (layer, site) [g m-3], factors (11, layer, site), bad (site,).
    sites : int
        Sites of the batch.
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
    total = cryo + diffus + efolding + beta + taucwd + taul1 + taul2 + tau4s1 + tau4s2 + tau4s3
    total += fl1s1 + fl2s1 + fl3s2 + fs1s2 + fs1s3 + fs2s1 + fs2s3 + fs3s1 + fcwdl2
    total += parameter(parameters, Q10, sites, site, valid) + parameter(parameters, W_SCALING, sites, site, valid)

    cwd = year_total(input_cwd, site, valid, MONTHS, PADDED) / DAYS
    litter1 = year_total(input_litter1, site, valid, MONTHS, PADDED) / DAYS
    litter2 = year_total(input_litter2, site, valid, MONTHS, PADDED) / DAYS
    litter3 = year_total(input_litter3, site, valid, MONTHS, PADDED) / DAYS
    last = year_total(altmax_lastyear, site, valid, MONTHS, PADDED)
    total += cwd + litter1 + litter2 + litter3 + last + year_total(altmax, site, valid, MONTHS, PADDED)
    total += year_total(nbedrock, site, valid, MONTHS, PADDED)
    wrong = ~finite(total)
    thaws = last > 0.0
    lowest = tl.full([BLOCK], LAYERS - 1, tl.int32)
    if not BELOW_BEDROCK:
        lowest = lowest_layer(nbedrock, site, valid, MONTHS, PADDED)
    log_beta = tl.log(beta)
    entering = 1.0 - remaining_below(lowest, log_beta, geometry)
    # Everything that enters woody debris leaves it: its turnover time has no effect below.
    litter2 += fcwdl2 * cwd
    litter3 += (1.0 - fcwdl2) * cwd

    zero = tl.zeros([BLOCK], tl.float64)
    w1, w2, w3 = pool_weights(tau4s1, tau4s2, tau4s3, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1)
    # What a unit less of a weighted soil pool passes on within its layer.
    t01, t02, t10 = fs2s1 / tau4s2 * w2 / w1, fs3s1 / tau4s3 * w3 / w1, fs1s2 / tau4s1 * w1 / w2
    t20, t21 = fs1s3 / tau4s1 * w1 / w3, fs2s3 / tau4s2 * w2 / w3
    x1, x2, x3, left1, left2, upper, above = zero, zero, zero, zero, zero, zero, zero + 1.0
    left3, left4, left5 = zero, zero, zero
    i00, i01, i02, i10, i11, i12, i20, i21, i22 = zero, zero, zero, zero, zero, zero, zero, zero, zero
    for layer in range(LAYERS):
        a, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        decay, decay_litter, _ = environment(months, layer, sites, site, valid, efolding, geometry)
        # Without decomposition in some layer nothing leaves its woody debris: no steady state.
        wrong |= ~(finite(decay + decay_litter) & (decay > 0.0) & (decay_litter > 0.0))
        remaining = remaining_below(layer, log_beta, geometry)
        share = tl.where(layer <= lowest, (above - remaining) / entering, 0.0)
        share = tl.where(thaws, share, tl.where(layer == 0, 1.0, 0.0))
        above = remaining
        supply = share / tl.load(geometry + THICKNESS + layer)
        write(pools, 0, layer, sites, site, cwd * supply * taucwd / decay, valid)

        # A row's sum is its decay and what leaves by the layers above: no pivot needs a subtraction.
        excess1, excess2 = decay_litter / taul1 + a * left1, decay_litter / taul2 + a * left2
        pivot1, pivot2 = 1.0 / (excess1 + c), 1.0 / (excess2 + c)
        left1, left2 = excess1 * pivot1, excess2 * pivot2
        x1 = (litter1 * supply + a * x1) * pivot1
        x2 = (litter2 * supply + a * x2) * pivot2
        x3 = (litter3 * supply + a * x3) * pivot2
        write(factors, LITTER_PIVOTS, layer, sites, site, pivot1, valid)
        write(factors, LITTER_PIVOTS + 1, layer, sites, site, pivot2, valid)
        write(pools, 1, layer, sites, site, x1, valid)
        write(pools, 2, layer, sites, site, x2, valid)
        write(pools, 3, layer, sites, site, x3, valid)

        exchanged = a * upper
        upper = c
        e1, e2, e3 = decay / w1 + a * left3, decay / w2 + a * left4, decay / w3 + a * left5
        o01, o02, o10 = decay * t01 + exchanged * i01, decay * t02 + exchanged * i02, decay * t10 + exchanged * i10
        o12, o20, o21 = exchanged * i12, decay * t20 + exchanged * i20, decay * t21 + exchanged * i21
        i00, i01, i02, i10, i11, i12, i20, i21, i22 = inverse(o01, o02, o10, o12, o20, o21, e1 + c, e2 + c, e3 + c)
        left3 = i00 * e1 + i01 * e2 + i02 * e3
        left4 = i10 * e1 + i11 * e2 + i12 * e3
        left5 = i20 * e1 + i21 * e2 + i22 * e3
        first = at(factors, SOIL_INVERSE, layer, sites, site)
        step = LAYERS * sites
        tl.store(first, i00, mask=valid)
        tl.store(first + step, i01, mask=valid)
        tl.store(first + 2 * step, i02, mask=valid)
        tl.store(first + 3 * step, i10, mask=valid)
        tl.store(first + 4 * step, i11, mask=valid)
        tl.store(first + 5 * step, i12, mask=valid)
        tl.store(first + 6 * step, i20, mask=valid)
        tl.store(first + 7 * step, i21, mask=valid)
        tl.store(first + 8 * step, i22, mask=valid)
    tl.store(bad + site, wrong.to(tl.int8), mask=valid)
    blank = tl.where(wrong, float("nan"), 0.0)

    tl.debug_barrier()  # what one thread wrote above another may read below
    x1, x2, x3 = zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        _, decay_litter, _ = environment(months, layer, sites, site, valid, efolding, geometry)
        pivot1 = read(factors, LITTER_PIVOTS, layer, sites, site, valid)
        pivot2 = read(factors, LITTER_PIVOTS + 1, layer, sites, site, valid)
        x1 = read(pools, 1, layer, sites, site, valid) + c * pivot1 * x1
        x2 = read(pools, 2, layer, sites, site, valid) + c * pivot2 * x2
        x3 = read(pools, 3, layer, sites, site, valid) + c * pivot2 * x3
        enters1 = decay_litter * (fl1s1 * x1 / taul1 + fl2s1 * x2 / taul2)
        write(pools, 4, layer, sites, site, enters1 / w1, valid)
        write(pools, 5, layer, sites, site, decay_litter * fl3s2 * x3 / taul2 / w2, valid)
        debris = read(pools, 0, layer, sites, site, valid)
        write(pools, 0, layer, sites, site, debris + blank, valid)
        write(pools, 1, layer, sites, site, x1 + blank, valid)
        write(pools, 2, layer, sites, site, x2 + blank, valid)
        write(pools, 3, layer, sites, site, x3 + blank, valid)

    tl.debug_barrier()
    x1, x2, x3 = zero, zero, zero
    for layer in range(LAYERS):
        a, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        r1 = read(pools, 4, layer, sites, site, valid) + a * x1
        r2 = read(pools, 5, layer, sites, site, valid) + a * x2
        r3 = a * x3
        p, q, r = inverse_row(factors, 0, layer, sites, site, valid)
        x1 = p * r1 + q * r2 + r * r3
        p, q, r = inverse_row(factors, 1, layer, sites, site, valid)
        x2 = p * r1 + q * r2 + r * r3
        p, q, r = inverse_row(factors, 2, layer, sites, site, valid)
        x3 = p * r1 + q * r2 + r * r3
        write(pools, 4, layer, sites, site, x1, valid)
        write(pools, 5, layer, sites, site, x2, valid)
        write(pools, 6, layer, sites, site, x3, valid)

    tl.debug_barrier()
    x1, x2, x3 = zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, c = couplings(months, layer, sites, site, valid, cryo, diffus, geometry)
        r1, r2, r3 = c * x1, c * x2, c * x3
        p, q, r = inverse_row(factors, 0, layer, sites, site, valid)
        x1 = read(pools, 4, layer, sites, site, valid) + (p * r1 + q * r2 + r * r3)
        p, q, r = inverse_row(factors, 1, layer, sites, site, valid)
        x2 = read(pools, 5, layer, sites, site, valid) + (p * r1 + q * r2 + r * r3)
        p, q, r = inverse_row(factors, 2, layer, sites, site, valid)
        x3 = read(pools, 6, layer, sites, site, valid) + (p * r1 + q * r2 + r * r3)
        soil1, soil2, soil3 = x1 * w1 + blank, x2 * w2 + blank, x3 * w3 + blank
        write(pools, 4, layer, sites, site, soil1, valid)
        write(pools, 5, layer, sites, site, soil2, valid)
        write(pools, 6, layer, sites, site, soil3, valid)
        write(soc, 0, layer, sites, site, soil1 + soil2 + soil3, valid)
