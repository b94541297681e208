# mypy: disable-error-code="no-untyped-def"
"""Kernel of a column forward: litter, soil, and the factors that the backward pass needs."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5.gpu.parts import (
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
    """Pools (7, layer, site) [g m-3], SOC (layer, site), factors for the backward pass, and which sites are bad."""
    sites = sites.to(tl.int64)
    site = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    known = site < sites
    cryo = parameter(parameters, CRYO, sites, site, known) / DAYS
    diffus = parameter(parameters, DIFFUS, sites, site, known) / DAYS
    efolding = parameter(parameters, EFOLDING, sites, site, known)
    taucwd, taul1, taul2, tau4s1, tau4s2, tau4s3 = turnover(parameters, sites, site, known)
    fl1s1, fl2s1, fl3s2, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1, fcwdl2 = transfers(parameters, sites, site, known)
    beta = parameter(parameters, BETA, sites, site, known)
    total = cryo + diffus + efolding + beta + taucwd + taul1 + taul2 + tau4s1 + tau4s2 + tau4s3
    total += fl1s1 + fl2s1 + fl3s2 + fs1s2 + fs1s3 + fs2s1 + fs2s3 + fs3s1 + fcwdl2
    total += parameter(parameters, Q10, sites, site, known) + parameter(parameters, W_SCALING, sites, site, known)

    cwd = year_total(input_cwd, site, known, MONTHS, PADDED) / DAYS
    litter1 = year_total(input_litter1, site, known, MONTHS, PADDED) / DAYS
    litter2 = year_total(input_litter2, site, known, MONTHS, PADDED) / DAYS
    litter3 = year_total(input_litter3, site, known, MONTHS, PADDED) / DAYS
    last = year_total(altmax_lastyear, site, known, MONTHS, PADDED)
    total += cwd + litter1 + litter2 + litter3 + last + year_total(altmax, site, known, MONTHS, PADDED)
    total += year_total(nbedrock, site, known, MONTHS, PADDED)
    wrong = ~finite(total)
    thaws = last > 0.0
    lowest = tl.full([BLOCK], LAYERS - 1, tl.int32)
    if not BELOW_BEDROCK:
        lowest = lowest_layer(nbedrock, site, known, MONTHS, PADDED)
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
        a, c = couplings(months, layer, sites, site, known, cryo, diffus, geometry)
        decay, decay_litter, _ = environment(months, layer, sites, site, known, efolding, geometry)
        # Without decomposition in some layer nothing leaves its woody debris: no steady state.
        wrong |= ~(finite(decay + decay_litter) & (decay > 0.0) & (decay_litter > 0.0))
        remaining = remaining_below(layer, log_beta, geometry)
        share = tl.where(layer <= lowest, (above - remaining) / entering, 0.0)
        share = tl.where(thaws, share, tl.where(layer == 0, 1.0, 0.0))
        above = remaining
        supply = share / tl.load(geometry + THICKNESS + layer)
        write(pools, 0, layer, sites, site, cwd * supply * taucwd / decay, known)

        # A row's sum is its decay and what leaves by the layers above: no pivot needs a subtraction.
        excess1, excess2 = decay_litter / taul1 + a * left1, decay_litter / taul2 + a * left2
        pivot1, pivot2 = 1.0 / (excess1 + c), 1.0 / (excess2 + c)
        left1, left2 = excess1 * pivot1, excess2 * pivot2
        x1 = (litter1 * supply + a * x1) * pivot1
        x2 = (litter2 * supply + a * x2) * pivot2
        x3 = (litter3 * supply + a * x3) * pivot2
        write(factors, LITTER_PIVOTS, layer, sites, site, pivot1, known)
        write(factors, LITTER_PIVOTS + 1, layer, sites, site, pivot2, known)
        write(pools, 1, layer, sites, site, x1, known)
        write(pools, 2, layer, sites, site, x2, known)
        write(pools, 3, layer, sites, site, x3, known)

        both = a * upper
        upper = c
        e1, e2, e3 = decay / w1 + a * left3, decay / w2 + a * left4, decay / w3 + a * left5
        o01, o02, o10 = decay * t01 + both * i01, decay * t02 + both * i02, decay * t10 + both * i10
        o12, o20, o21 = both * i12, decay * t20 + both * i20, decay * t21 + both * i21
        i00, i01, i02, i10, i11, i12, i20, i21, i22 = inverse(o01, o02, o10, o12, o20, o21, e1 + c, e2 + c, e3 + c)
        left3 = i00 * e1 + i01 * e2 + i02 * e3
        left4 = i10 * e1 + i11 * e2 + i12 * e3
        left5 = i20 * e1 + i21 * e2 + i22 * e3
        first = at(factors, SOIL_INVERSE, layer, sites, site)
        step = LAYERS * sites
        tl.store(first, i00, mask=known)
        tl.store(first + step, i01, mask=known)
        tl.store(first + 2 * step, i02, mask=known)
        tl.store(first + 3 * step, i10, mask=known)
        tl.store(first + 4 * step, i11, mask=known)
        tl.store(first + 5 * step, i12, mask=known)
        tl.store(first + 6 * step, i20, mask=known)
        tl.store(first + 7 * step, i21, mask=known)
        tl.store(first + 8 * step, i22, mask=known)
    tl.store(bad + site, wrong.to(tl.int8), mask=known)
    nothing = tl.where(wrong, float("nan"), 0.0)

    tl.debug_barrier()  # what one thread wrote above another may read below
    x1, x2, x3 = zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, c = couplings(months, layer, sites, site, known, cryo, diffus, geometry)
        _, decay_litter, _ = environment(months, layer, sites, site, known, efolding, geometry)
        pivot1 = read(factors, LITTER_PIVOTS, layer, sites, site, known)
        pivot2 = read(factors, LITTER_PIVOTS + 1, layer, sites, site, known)
        x1 = read(pools, 1, layer, sites, site, known) + c * pivot1 * x1
        x2 = read(pools, 2, layer, sites, site, known) + c * pivot2 * x2
        x3 = read(pools, 3, layer, sites, site, known) + c * pivot2 * x3
        enters1 = decay_litter * (fl1s1 * x1 / taul1 + fl2s1 * x2 / taul2)
        write(pools, 4, layer, sites, site, enters1 / w1, known)
        write(pools, 5, layer, sites, site, decay_litter * fl3s2 * x3 / taul2 / w2, known)
        debris = read(pools, 0, layer, sites, site, known)
        write(pools, 0, layer, sites, site, debris + nothing, known)
        write(pools, 1, layer, sites, site, x1 + nothing, known)
        write(pools, 2, layer, sites, site, x2 + nothing, known)
        write(pools, 3, layer, sites, site, x3 + nothing, known)

    tl.debug_barrier()
    x1, x2, x3 = zero, zero, zero
    for layer in range(LAYERS):
        a, c = couplings(months, layer, sites, site, known, cryo, diffus, geometry)
        r1 = read(pools, 4, layer, sites, site, known) + a * x1
        r2 = read(pools, 5, layer, sites, site, known) + a * x2
        r3 = a * x3
        p, q, r = inverse_row(factors, 0, layer, sites, site, known)
        x1 = p * r1 + q * r2 + r * r3
        p, q, r = inverse_row(factors, 1, layer, sites, site, known)
        x2 = p * r1 + q * r2 + r * r3
        p, q, r = inverse_row(factors, 2, layer, sites, site, known)
        x3 = p * r1 + q * r2 + r * r3
        write(pools, 4, layer, sites, site, x1, known)
        write(pools, 5, layer, sites, site, x2, known)
        write(pools, 6, layer, sites, site, x3, known)

    tl.debug_barrier()
    x1, x2, x3 = zero, zero, zero
    for back in range(LAYERS):
        layer = LAYERS - 1 - back
        a, c = couplings(months, layer, sites, site, known, cryo, diffus, geometry)
        r1, r2, r3 = c * x1, c * x2, c * x3
        p, q, r = inverse_row(factors, 0, layer, sites, site, known)
        x1 = read(pools, 4, layer, sites, site, known) + (p * r1 + q * r2 + r * r3)
        p, q, r = inverse_row(factors, 1, layer, sites, site, known)
        x2 = read(pools, 5, layer, sites, site, known) + (p * r1 + q * r2 + r * r3)
        p, q, r = inverse_row(factors, 2, layer, sites, site, known)
        x3 = read(pools, 6, layer, sites, site, known) + (p * r1 + q * r2 + r * r3)
        soil1, soil2, soil3 = x1 * w1 + nothing, x2 * w2 + nothing, x3 * w3 + nothing
        write(pools, 4, layer, sites, site, soil1, known)
        write(pools, 5, layer, sites, site, soil2, known)
        write(pools, 6, layer, sites, site, soil3, known)
        write(soc, 0, layer, sites, site, soil1 + soil2 + soil3, known)
