"""Which pixels of a raster are values: decided once, before anything is resampled.

A pixel is unknown where a mask or an alpha band hides it, where it is a nodata code of the region file or the file,
where it is not finite, or where its value after scale and offset lies outside the valid range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.covariates.attributes import numbers_of, refuse_other_numbers
from hybridmap.errors import HybridmapError

ABSURD = 1e19
"""No covariate is so large: such pixels of real numbers are fill values of another program."""
CODE_TAGS = ("_FillValue", "missing_value")
Field = NDArray[np.float32]


@dataclass(frozen=True)
class KnownPixels:
    """How the pixels of a band become values.

    Attributes
    ----------
    dataset : rasterio dataset or ZarrRaster
        The file.
    band : int
        Number of the band.
    codes : array
        Nodata codes, in the type of the file.
    is_masked : bool
        Whether the file has a mask of all bands or of this one, or an alpha band of a type that GDAL takes for one.
    alpha : int
        Number of an alpha band of another type, 0 where there is none.
    scale, offset : float
        Value = pixel * scale + offset.
    layer : Raster
        Classes, and valid range.
    label : str
        Names layer and file in errors.
    limits : tuple of float
        Least and largest pixel that is a value, by the attributes of the file.
    """

    dataset: Any
    band: int
    codes: NDArray[Any]
    is_masked: bool
    alpha: int
    scale: float
    offset: float
    layer: Raster
    label: str
    limits: tuple[float, float] = (-np.inf, np.inf)

    @classmethod
    def of(cls, dataset: Any, band: int, layer: Raster, label: str) -> KnownPixels:
        """Rule of a layer.

        Parameters
        ----------
        dataset : rasterio.DatasetReader or ZarrRaster
            The opened raster.
        band : int
            Of the layer, from 1.
        layer : Raster
            What the region file says of it.
        label : str
            What messages name.

        Returns
        -------
        KnownPixels
            The rule.

        Raises
        ------
        HybridmapError
            If the pixels are complex numbers, cannot hold a nodata value of the region file, or may be in another
            unit or packed.
        """
        dtype = np.dtype(dataset.dtypes[band - 1])
        if dtype.kind == "c":
            raise HybridmapError(f"{label}: its pixels are complex numbers ({dtype}); write one part as a file.")
        if layer.equals is None and layer.kind not in ("categorical", "mode"):
            refuse_other_numbers(dataset, band, layer, label)
        scale = dataset.scales[band - 1] if layer.scale is None else layer.scale
        offset = dataset.offsets[band - 1] if layer.offset is None else layer.offset
        is_masked = _is_masked(dataset, band, layer)
        codes = np.array(_codes(dataset, band, layer, label), dtype=dtype)
        alpha = 0 if is_masked else _alpha_band(dataset, band)
        limits = _declared_limits(dataset, band, layer)
        return cls(dataset, band, codes, is_masked, alpha, float(scale), float(offset), layer, label, limits)

    def raw(self, window: Window, shape: tuple[int, int] | None = None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Pixels in the type of the file, and which are no nodata, shape (line, column); `shape` thins them."""
        thinned = {} if shape is None else {"out_shape": shape}
        pixels = np.asarray(self.dataset.read(self.band, window=window, **thinned))
        is_known = np.isfinite(pixels) if pixels.dtype.kind == "f" else np.ones(pixels.shape, dtype=bool)
        for code in self.codes:
            is_known &= pixels != code
        if np.isfinite(self.limits).any():
            is_known &= (pixels >= self.limits[0]) & (pixels <= self.limits[1])
        if self.is_masked:
            is_known &= self.dataset.read_masks(self.band, window=window, **thinned) > 0
        if self.alpha:
            is_known &= self.dataset.read(self.alpha, window=window, **thinned) > 0
        return pixels, is_known

    def in_range(self, pixels: NDArray[Any]) -> NDArray[np.bool_]:
        """Which pixels lie in the valid range; classes are compared as they are."""
        if self.layer.valid_range is None:
            return np.ones(pixels.shape, dtype=bool)
        low, high = self.layer.valid_range
        values = pixels if self.layer.equals is not None else self.scaled(pixels)
        # Rounding of scaled pixels must not cut off the ends.
        slack = 1e-6 * max(abs(low), abs(high)) if pixels.dtype.kind == "f" or self.scale != 1.0 else 0.0
        return np.asarray((values >= low - slack) & (values <= high + slack))

    def values(self, window: Window) -> Field:
        """Values in the unit of the layer, or 1 and 0 for its classes, NaN where unknown, shape (line, column).

        Raises
        ------
        HybridmapError
            If a known pixel is a fill value of another program.
        """
        pixels, is_known = self.raw(window)
        is_known &= self.in_range(pixels)
        self._refuse_absurd(pixels, is_known)
        values = self.scaled(pixels) if self.layer.equals is None else np.isin(pixels, self.layer.equals)
        return np.where(is_known, values, np.nan).astype("float32")

    def scaled(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels in the unit of the layer."""
        if self.scale == 1.0 and self.offset == 0.0:
            return pixels
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(pixels.astype("float64") * self.scale + self.offset)

    def _refuse_absurd(self, pixels: NDArray[Any], is_known: NDArray[np.bool_]) -> None:
        if pixels.dtype.kind != "f" or self.layer.valid_range is not None:
            return
        absurd = is_known & (abs(pixels) > ABSURD)
        if absurd.any():
            code = written(pixels[absurd][0])
            raise HybridmapError(
                f"{self.label}: pixels are {code}, which looks like a nodata value that the {pixels.dtype} file does"
                f" not declare; add 'nodata: {code}'."
            )


def _alpha_band(dataset: Any, band: int) -> int:
    """Number of the alpha band of a file, which GDAL takes for a mask in two types of pixels only; 0 without one."""
    roles = getattr(dataset, "colorinterp", ())
    return next((n for n, role in enumerate(roles, 1) if role == ColorInterp.alpha and n != band), 0)


def written(pixel: Any) -> str:
    """A pixel in the fewest digits that give it back in its type.

    Examples
    --------
    >>> written(np.float32(-3.4e38)), written(np.int32(-2147483648)), written(np.float64(1e20))
    ('-3.4e+38', '-2147483648', '1.0e+20')
    """
    if np.dtype(type(pixel)).kind != "f":
        return str(int(pixel))
    text = str(pixel)
    text = text.removesuffix(".0") if "e" not in text else text
    # YAML takes 1e+20 for a word.
    return re.sub(r"^(-?\d+)e", r"\1.0e", text)


def _is_masked(dataset: Any, band: int, layer: Raster) -> bool:
    """Whether more hides pixels than the codes that are known."""
    flags = dataset.mask_flag_enums[band - 1]
    if MaskFlags.all_valid in flags:
        return False
    if MaskFlags.nodata in flags and MaskFlags.per_dataset not in flags:
        # Codes of whole numbers of 64 bits do not reach us, but GDAL hides them.
        return dataset.nodatavals[band - 1] is None and layer.nodata is None
    return True


def _declared_limits(dataset: Any, band: int, layer: Raster) -> tuple[float, float]:
    """Range of the pixels that are values, by the CF conventions; the region file goes before it.

    Of packed pixels a range in whole numbers is one of pixels, and any other may be one of values.
    """
    tags = dataset.tags(band)
    low, high = -np.inf, np.inf
    if layer.valid_range is None and layer.nodata is None:
        ends = numbers_of(tags.get("valid_range")) if len(numbers_of(tags.get("valid_range"))) == 2 else []
        low = max([low, *ends[:1], *numbers_of(tags.get("valid_min"))[:1]])
        high = min([high, *ends[1:], *numbers_of(tags.get("valid_max"))[:1]])
    is_packed = dataset.scales[band - 1] != 1.0 or dataset.offsets[band - 1] != 0.0
    if is_packed and not all(number.is_integer() for number in (low, high) if np.isfinite(number)):
        return -np.inf, np.inf
    return low, high


def _codes(dataset: Any, band: int, layer: Raster, label: str) -> list[Any]:
    """Nodata codes that the type of the band can hold: of the region file, or else all that the file declares."""
    dtype = np.dtype(dataset.dtypes[band - 1])
    if layer.nodata is not None:
        listed_codes = layer.nodata if isinstance(layer.nodata, list) else [layer.nodata]
        for code in listed_codes:
            if not _fits(code, dtype):
                raise HybridmapError(
                    f"{label}: no pixel can be {code:.17g}, the 'nodata' of the region file: they are {dtype}"
                    f" ({_limits(dtype)}); give a value that they can hold, or remove the key."
                )
        return [_cast(code, dtype) for code in listed_codes]
    declared = [dataset.nodatavals[band - 1]]
    tags = dataset.tags(band)
    for name in CODE_TAGS:
        declared += numbers_of(tags.get(name))
    return [_cast(code, dtype) for code in declared if code is not None and _fits(float(code), dtype)]


def _cast(code: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iub":
        # The ends of 64 bits lie between the numbers that a float can hold.
        return min(max(int(code), int(np.iinfo(dtype).min)), int(np.iinfo(dtype).max))
    limit = float(np.finfo(dtype).max)
    # A code with few digits may lie just above the largest number that it stands for.
    return min(max(code, -limit), limit) if np.isfinite(code) else code


def _fits(code: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return bool(not np.isfinite(code) or abs(code) <= float(np.finfo(dtype).max) * (1 + 1e-5))
    if not float(code).is_integer():
        return False
    limits = np.iinfo(dtype)
    return float(limits.min) <= code <= float(limits.max)


def _limits(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return "real numbers"
    limits = np.iinfo(dtype)
    return f"whole numbers from {limits.min} to {limits.max}"
