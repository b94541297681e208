"""Maps as small integers in text, which a browser unpacks without a library."""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NODATA = 0
"""Code of a cell without a value; values begin with 1."""
LEVEL = 6
"""Of compression: more costs much time and hardly makes noise smaller."""
ONE_BYTE, FINE, FINEST = 254, 1022, 4094
"""Steps between the smallest and the largest value of a map: what one byte holds, and finer ones in two."""


class Packed(NamedTuple):
    """Numbers as text: value = low + (code - 1) * step, in the order of the cells.

    Attributes
    ----------
    text : str
        Base64 of the deflated differences of neighbouring codes: bytes, or all high bytes and then all low bytes.
    bits : int
        Of a code, 8 or 16.
    low, step : float
        Smallest value, and the value of one code.
    """

    text: str
    bits: int
    low: float
    step: float

    def facts(self) -> dict[str, Any]:
        """What a reader must know beside the text."""
        return {"bits": self.bits, "low": self.low, "step": self.step}


def packed(values: NDArray[Any], steps: int = FINEST) -> Packed:
    """Pack numbers.

    Parameters
    ----------
    values : array, shape (cell,)
        NaN where there is none.
    steps : int
        Between the smallest and the largest; whole numbers that span less are kept as they are.

    Returns
    -------
    Packed
        Each number within half a step.

    Examples
    --------
    >>> p = packed(np.array([3.0, np.nan, 5.0]))
    >>> p.bits, p.low, p.step
    (8, 3.0, 1.0)
    >>> unpacked(p).tolist()
    [3.0, nan, 5.0]
    """
    valid = np.isfinite(values)
    finite = np.asarray(values[valid], dtype="float64")
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    step = (high - low) / steps
    if high - low <= FINEST and (finite == np.rint(finite)).all():
        step = 1.0
    if not step > 0:
        step = 1.0
    codes = np.zeros(values.shape, dtype="int64")
    codes[valid] = np.rint((finite - low) / step).astype("int64") + 1
    bits = 8 if codes.max(initial=0) <= ONE_BYTE + 1 else 16
    differences = np.diff(codes.reshape(-1), prepend=0) % (1 << bits)
    if bits == 8:
        content = differences.astype("uint8").tobytes()
    else:
        content = (differences >> 8).astype("uint8").tobytes() + (differences & 255).astype("uint8").tobytes()
    # Differences are noise about zero, for which this strategy is made: a tenth smaller.
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    return Packed(base64.b64encode(deflate.compress(content) + deflate.flush()).decode("ascii"), bits, low, step)


def unpacked(numbers: Packed) -> NDArray[np.float64]:
    """Numbers as the browser reads them, shape (cell,); NaN where there is none.

    Parameters
    ----------
    numbers : Packed
        Made by :func:`packed`.
    """
    content = np.frombuffer(zlib.decompress(base64.b64decode(numbers.text)), "uint8").astype("int64")
    if numbers.bits == 16:
        half = content.size // 2
        content = (content[:half] << 8) | content[half:]
    codes = np.cumsum(content) % (1 << numbers.bits)
    return np.where(codes == NODATA, np.nan, numbers.low + (codes - 1) * numbers.step)
