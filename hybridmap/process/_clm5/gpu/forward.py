# mypy: disable-error-code="no-untyped-def"
"""Kernel of a column forward: litter, soil, and the factors that the backward pass needs."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process._clm5.gpu.parts import (
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
    inverse_row,
    lowest_layer,
    parameter,
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
    total = cryo + diffus + efolding + beta + parameter(parameters, Q10, sites, site, known)
    total += parameter(parameters, W_SCALING, sites, site, known)
    total += (
        taucwd
        + taul1
        + taul2
        + tau4s1
        + tau4s2
        + tau4s3
        + fl1s1
        + fl2s1
        + fl3s2
        + fs1s2
        + fs1s3
        + fs2s1
        + fs2s3
        + fs3s1
        + fcwdl2
    )

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
    x1, x2, x3, ratio1, ratio2, upper, above = zero, zero, zero, zero, zero, zero, zero + 1.0
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

        pivot1 = 1.0 / (a + c + decay_litter / taul1 + a * ratio1)
        pivot2 = 1.0 / (a + c + decay_litter / taul2 + a * ratio2)
        x1 = (litter1 * supply + a * x1) * pivot1
        x2 = (litter2 * supply + a * x2) * pivot2
        x3 = (litter3 * supply + a * x3) * pivot2
        ratio1, ratio2 = -c * pivot1, -c * pivot2
        write(factors, LITTER_PIVOTS, layer, sites, site, pivot1, known)
        write(factors, LITTER_PIVOTS + 1, layer, sites, site, pivot2, known)
        write(pools, 1, layer, sites, site, x1, known)
        write(pools, 2, layer, sites, site, x2, known)
        write(pools, 3, layer, sites, site, x3, known)

        k1, k2, k3 = decay / tau4s1, decay / tau4s2, decay / tau4s3
        both = a * upper
        upper = c
        b00, b01, b02 = a + c + k1 - both * i00, -fs2s1 * k2 - both * i01, -fs3s1 * k3 - both * i02
        b10, b11, b12 = -fs1s2 * k1 - both * i10, a + c + k2 - both * i11, -both * i12
        b20, b21, b22 = -fs1s3 * k1 - both * i20, -fs2s3 * k2 - both * i21, a + c + k3 - both * i22
        i00, i01, i02 = b11 * b22 - b12 * b21, b02 * b21 - b01 * b22, b01 * b12 - b02 * b11
        i10, i11, i12 = b12 * b20 - b10 * b22, b00 * b22 - b02 * b20, b02 * b10 - b00 * b12
        i20, i21, i22 = b10 * b21 - b11 * b20, b01 * b20 - b00 * b21, b00 * b11 - b01 * b10
        scale = 1.0 / (b00 * i00 + b01 * i10 + b02 * i20)
        i00, i01, i02 = i00 * scale, i01 * scale, i02 * scale
        i10, i11, i12 = i10 * scale, i11 * scale, i12 * scale
        i20, i21, i22 = i20 * scale, i21 * scale, i22 * scale
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
        write(pools, 4, layer, sites, site, enters1, known)
        write(pools, 5, layer, sites, site, decay_litter * fl3s2 * x3 / taul2, known)
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
        write(pools, 4, layer, sites, site, x1 + nothing, known)
        write(pools, 5, layer, sites, site, x2 + nothing, known)
        write(pools, 6, layer, sites, site, x3 + nothing, known)
        write(soc, 0, layer, sites, site, x1 + x2 + x3 + nothing, known)
