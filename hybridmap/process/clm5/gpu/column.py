# mypy: disable-error-code="no-untyped-def, untyped-decorator"
"""What the kernels share: rows of their arrays, and what both directions compute of a column."""

from __future__ import annotations

import triton
import triton.language as tl

from hybridmap.process.clm5 import calendar, scalars, transport, vertical

LAYERS = tl.constexpr(vertical.LAYERS)
DAYS = tl.constexpr(calendar.DAYS)
REFERENCE_KELVIN = tl.constexpr(scalars.REFERENCE_KELVIN)
EPS = tl.constexpr(transport.EPS)
PERMAFROST_DEPTH, FROST_FLOOR = tl.constexpr(transport.PERMAFROST_DEPTH), tl.constexpr(transport.FROST_FLOOR)

# Rows of the parameters, in the order of `hybridmap.process.clm5.matrix.PARAMETERS`.
DIFFUS, CRYO, Q10, EFOLDING, TAUCWD, TAUL1, TAUL2, TAU4S1, TAU4S2, TAU4S3 = (tl.constexpr(i) for i in range(10))
FL1S1, FL2S1, FL3S2, FS1S2, FS1S3, FS2S1, FS2S3, FS3S1 = (tl.constexpr(i) for i in range(10, 18))
FCWDL2, W_SCALING, BETA = (tl.constexpr(i) for i in range(18, 21))

# Rows of the geometry, 21 numbers each.
NODE, INTERFACE, THICKNESS, SPACING, WEIGHT = (tl.constexpr(21 * i) for i in range(5))

# Rows of what months leave of a layer: means of the scalars and of their derivatives, couplings per diffusivity.
SOIL, LITTER, SOIL_WARM, LITTER_WARM, SOIL_OPEN, LITTER_OPEN = (tl.constexpr(i) for i in range(6))
UP_FROST, UP_ANIMALS, DOWN_FROST, DOWN_ANIMALS, UP_FLOOR, DOWN_FLOOR = (tl.constexpr(i) for i in range(6, 12))
MONTH_ROWS = 12

# Rows of the factors of a layer: reciprocal pivots of litter, then the inverted block of soil, row by row.
LITTER_PIVOTS, SOIL_INVERSE = tl.constexpr(0), tl.constexpr(2)
FACTOR_ROWS = 11


@triton.jit
def at(base, row, layer, sites, site):
    """Address of (row, layer, site) in an array of rows of 20 layers; `sites` in 64 bits, for it goes far.

    Parameters
    ----------
    base : pointer
        Start of an array of shape (row, layer, site).
    row, layer : int
        Row of the array and layer of the row.
    sites : int64
        Sites of the whole batch.
    site : block of int64
        Sites of this program.

    Returns
    -------
    block of pointer
    """
    return base + (row * LAYERS + layer) * sites + site


@triton.jit
def read(base, row, layer, sites, site, valid):
    """Numbers of a layer.

    Parameters
    ----------
    base : pointer
        Start of an array of shape (row, layer, site).
    row, layer : int
        Row of the array and layer of the row.
    sites : int64
        Sites of the whole batch.
    site : block of int64
        Sites of this program.
    valid : block of bool
        Which of them are in the batch.

    Returns
    -------
    block of float
        0 outside the batch.
    """
    return tl.load(at(base, row, layer, sites, site), mask=valid, other=0.0)


@triton.jit
def write(base, row, layer, sites, site, values, valid):
    """Store the numbers of a layer.

    Parameters
    ----------
    base : pointer
        Start of an array of shape (row, layer, site).
    row, layer : int
        Row of the array and layer of the row.
    sites : int64
        Sites of the whole batch.
    site : block of int64
        Sites of this program.
    values : block of float64
        Numbers to store.
    valid : block of bool
        Which of them are in the batch.
    """
    tl.store(at(base, row, layer, sites, site), values, mask=valid)


@triton.jit
def finite(x):
    """Whether numbers are neither NaN nor infinite."""
    return tl.abs(x) < float("inf")


@triton.jit
def parameter(parameters, row, sites, site, valid):
    """One parameter of a block of sites.

    Parameters
    ----------
    parameters : pointer
        Array of shape (21, site).
    row : int
        Of the parameter.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.

    Returns
    -------
    block of float64
        0.5 outside the batch.
    """
    return tl.load(parameters + row * sites + site, mask=valid, other=0.5).to(tl.float64)


@triton.jit
def turnover(parameters, sites, site, valid):
    """Turnover times of woody debris, two kinds of litter and three of soil carbon.

    Parameters
    ----------
    parameters : pointer
        Array of shape (21, site).
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.

    Returns
    -------
    six blocks of float64
        [day]
    """
    taucwd = DAYS * parameter(parameters, TAUCWD, sites, site, valid)
    taul1 = DAYS * parameter(parameters, TAUL1, sites, site, valid)
    taul2 = DAYS * parameter(parameters, TAUL2, sites, site, valid)
    tau4s1 = DAYS * parameter(parameters, TAU4S1, sites, site, valid)
    tau4s2 = DAYS * parameter(parameters, TAU4S2, sites, site, valid)
    return taucwd, taul1, taul2, tau4s1, tau4s2, DAYS * parameter(parameters, TAU4S3, sites, site, valid)


@triton.jit
def transfers(parameters, sites, site, valid):
    """The nine transfer fractions.

    Parameters
    ----------
    parameters : pointer
        Array of shape (21, site).
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.

    Returns
    -------
    nine blocks of float64
        [1], that of woody debris last.
    """
    fl1s1 = parameter(parameters, FL1S1, sites, site, valid)
    fl2s1 = parameter(parameters, FL2S1, sites, site, valid)
    fl3s2 = parameter(parameters, FL3S2, sites, site, valid)
    fs1s2 = parameter(parameters, FS1S2, sites, site, valid)
    fs1s3 = parameter(parameters, FS1S3, sites, site, valid)
    fs2s1 = parameter(parameters, FS2S1, sites, site, valid)
    fs2s3 = parameter(parameters, FS2S3, sites, site, valid)
    fs3s1 = parameter(parameters, FS3S1, sites, site, valid)
    return fl1s1, fl2s1, fl3s2, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1, parameter(parameters, FCWDL2, sites, site, valid)


@triton.jit
def inverse(o01, o02, o10, o12, o20, o21, s0, s1, s2):
    """Inverse of a 3x3 M-matrix, without a subtraction.

    Parameters
    ----------
    o01, o02, o10, o12, o20, o21 : block of float64
        Entries off the diagonal without their minus sign.
    s0, s1, s2 : block of float64
        Row sums.

    Returns
    -------
    nine blocks of float64
        Row by row.
    """
    p0, p1, p2 = s0 + o01 + o02, s1 + o10 + o12, s2 + o20 + o21
    i00 = (s1 + o10) * p2 + o12 * (s2 + o20)
    i11 = (s2 + o21) * p0 + o20 * (s0 + o01)
    i22 = (s0 + o02) * p1 + o01 * (s1 + o12)
    i01, i02, i10 = o01 * p2 + o02 * o21, o02 * p1 + o01 * o12, o10 * p2 + o12 * o20
    i12, i20, i21 = o12 * p0 + o10 * o02, o20 * p1 + o21 * o10, o21 * p0 + o20 * o01
    scale = 1.0 / (i00 * s0 + i01 * s1 + i02 * s2)
    i00, i01, i02, i10, i11 = i00 * scale, i01 * scale, i02 * scale, i10 * scale, i11 * scale
    return i00, i01, i02, i10, i11, i12 * scale, i20 * scale, i21 * scale, i22 * scale


@triton.jit
def pool_weights(tau4s1, tau4s2, tau4s3, fs1s2, fs1s3, fs2s1, fs2s3, fs3s1):
    """What a unit supply to each soil pool leaves in them without exchange; it makes all row sums positive.

    Parameters
    ----------
    tau4s1, tau4s2, tau4s3 : block of float64
        Turnover times [day].
    fs1s2, fs1s3, fs2s1, fs2s3, fs3s1 : block of float64
        Transfer fractions [1].

    Returns
    -------
    three blocks of float64
    """
    k1, k2, k3 = 1.0 / tau4s1, 1.0 / tau4s2, 1.0 / tau4s3
    r1, r2, r3 = k1 * (1.0 - fs1s2 - fs1s3), k2 * (1.0 - fs2s1 - fs2s3), k3 * (1.0 - fs3s1)
    # By columns the sums are the respired fractions: invert the transpose, and sum its columns.
    i00, i01, i02, i10, i11, i12, i20, i21, i22 = inverse(
        fs1s2 * k1, fs1s3 * k1, fs2s1 * k2, fs2s3 * k2, fs3s1 * k3, 0.0 * k3, r1, r2, r3
    )
    return i00 + i10 + i20, i01 + i11 + i21, i02 + i12 + i22


@triton.jit
def year_total(values, site, valid, MONTHS: tl.constexpr, PADDED: tl.constexpr):
    """Sum over months.

    Parameters
    ----------
    values : pointer
        Array of shape (site, month).
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    MONTHS, PADDED : int
        Number of months, and the next power of two.

    Returns
    -------
    block of float64
    """
    month = tl.arange(0, PADDED)
    valid_months = valid[:, None] & (month < MONTHS)[None, :]
    return tl.sum(
        tl.load(values + site[:, None] * MONTHS + month[None, :], mask=valid_months, other=0.0).to(tl.float64), 1
    )


@triton.jit
def lowest_layer(nbedrock, site, valid, MONTHS: tl.constexpr, PADDED: tl.constexpr):
    """Deepest bedrock index of the year, kept among the layers: one that is missing must not be followed.

    Parameters
    ----------
    nbedrock : pointer
        Array of shape (site, month).
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    MONTHS, PADDED : int
        Number of months, and the next power of two.

    Returns
    -------
    block of int32
    """
    month = tl.arange(0, PADDED)
    valid_months = valid[:, None] & (month < MONTHS)[None, :]
    index = tl.load(nbedrock + site[:, None] * MONTHS + month[None, :], mask=valid_months, other=0.0).to(tl.int32)
    return tl.minimum(tl.maximum(tl.max(index, 1), 0), LAYERS - 1)


@triton.jit
def couplings(months, layer, sites, site, valid, cryo, diffus, geometry):
    """Rates at which a layer exchanges with the one above and the one below.

    Parameters
    ----------
    months : pointer
        Array of shape (12, layer, site) that `months_to_layers` fills.
    layer : int
        Layer of the column.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    cryo, diffus : block of float64
        Diffusivities [m2 day-1].
    geometry : pointer
        Rows of the vertical grid.

    Returns
    -------
    two blocks of float64
        [day-1]
    """
    thickness = tl.load(geometry + THICKNESS + layer)
    up = cryo * read(months, UP_FROST, layer, sites, site, valid)
    up += diffus * read(months, UP_ANIMALS, layer, sites, site, valid)
    up += tl.load(at(months, UP_FLOOR, layer, sites, site), mask=valid, other=1.0)
    down = cryo * read(months, DOWN_FROST, layer, sites, site, valid)
    down += diffus * read(months, DOWN_ANIMALS, layer, sites, site, valid)
    down += tl.load(at(months, DOWN_FLOOR, layer, sites, site), mask=valid, other=1.0)
    return tl.where(layer > 0, up / thickness, 0.0), tl.where(layer < LAYERS - 1, down / thickness, 0.0)


@triton.jit
def environment(months, layer, sites, site, valid, efolding, geometry):
    """Environmental scalars of soil and of litter, and the share of them that depth leaves.

    Parameters
    ----------
    months : pointer
        Array of shape (12, layer, site) that `months_to_layers` fills.
    layer : int
        Layer of the column.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.
    efolding : block of float64
        E-folding depth [m].
    geometry : pointer
        Rows of the vertical grid.

    Returns
    -------
    three blocks of float64
        [1]
    """
    depth = tl.exp(-tl.load(geometry + NODE + layer) / efolding)
    soil = tl.load(at(months, SOIL, layer, sites, site), mask=valid, other=1.0)
    litter = tl.load(at(months, LITTER, layer, sites, site), mask=valid, other=1.0)
    return depth * soil, depth * litter, depth


@triton.jit
def remaining_below(layer, log_beta, geometry):
    """Share of the input that enters below a layer, before normalising.

    Parameters
    ----------
    layer : int
        Layer of the column.
    log_beta : block of float64
        Natural logarithm of beta.
    geometry : pointer
        Rows of the vertical grid.

    Returns
    -------
    block of float64
    """
    return tl.exp(100.0 * tl.load(geometry + INTERFACE + layer) * log_beta)


@triton.jit
def inverse_row(factors, row, layer, sites, site, valid):
    """One row of the inverted soil block of a layer.

    Parameters
    ----------
    factors : pointer
        Array of shape (11, layer, site).
    row : int
        Row of the block, 0 to 2.
    layer : int
        Layer of the column.
    sites : int64
        Sites of the whole batch.
    site, valid : block of int64, block of bool
        Sites of this program, and which of them are in the batch.

    Returns
    -------
    three blocks of float64
    """
    first = at(factors, SOIL_INVERSE + 3 * row, layer, sites, site)
    step = LAYERS * sites
    a = tl.load(first, mask=valid, other=0.0)
    b = tl.load(first + step, mask=valid, other=0.0)
    return a, b, tl.load(first + 2 * step, mask=valid, other=0.0)
