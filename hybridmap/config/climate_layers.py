"""The file of ``hybridmap clm5-forcing --from climate``: layers of the climate, and what is assumed beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from hybridmap.config.layers import Raster
from hybridmap.config.lines import Lines
from hybridmap.config.mistakes import dotted, explain
from hybridmap.config.overlay import merge
from hybridmap.config.plain_values import odd_values
from hybridmap.config.section import Section
from hybridmap.config.yaml_file import read_yaml
from hybridmap.errors import HybridmapError

MONTHLY = ("temperature", "precipitation")
CLASSES = ("landcover",)
MONTH = "{month}"


class ClimateLayers(Section):
    """Layers that the forcing of CLM5 is made of: as in a region file, but without names."""

    temperature: Raster = Field(
        description="Air temperature [degC]: twelve bands, or {month} (01 to 12) in path or band."
    )
    precipitation: Raster = Field(description="Precipitation [mm month-1], in the same way.")
    npp: Raster = Field(description="Net primary production [g m-2 yr-1 of carbon].")
    landcover: Raster | None = Field(None, description="Classes of IGBP, 1 to 17; water may be 0.")
    sand: Raster | None = Field(None, description="Sand [pct].")
    clay: Raster | None = Field(None, description="Clay [pct].")
    bedrock: Raster | None = Field(None, description="Depth to bedrock [m].")
    resolution: float | None = Field(
        None, gt=0, description="Edge of a cell in units of the region's CRS; None: 50 km, or the region's if coarser."
    )
    assumptions: dict[str, float | str] = Field({}, description="Values of assumptions, by their keys.")

    @field_validator("*", mode="before")
    @classmethod
    def _named(cls, value: Any, info: Any) -> Any:
        """A layer is called by its key; classes are never averaged."""
        if not isinstance(value, dict) or info.field_name == "assumptions":
            return value
        kind = {"kind": "mode"} if info.field_name in CLASSES else {}
        return {"name": info.field_name, **kind, **value}

    def months(self, name: str) -> list[Raster]:
        """The twelve layers of ``temperature`` or ``precipitation``."""
        return [_month(getattr(self, name), f"{number:02d}") for number in range(1, 13)]

    def all_layers(self) -> list[Raster]:
        """Every raster that is read, once for each month."""
        return [*(month for name in MONTHLY for month in self.months(name)), *self.single_layers().values()]

    def single_layers(self) -> dict[str, Raster]:
        """Layers that do not change over the year, by name."""
        layers = {name: getattr(self, name) for name in ("npp", "landcover", "sand", "clay", "bedrock")}
        return {name: layer for name, layer in layers.items() if layer is not None}


def _month(layer: Raster, word: str) -> Raster:
    """One month of a layer: its file or band where these have {month}, else the band of its number."""
    changes: dict[str, object] = {"name": f"{layer.name}_{word}"}
    if MONTH in layer.path:
        changes["path"] = layer.path.replace(MONTH, word)
    if MONTH in str(layer.band):
        changes["band"] = str(layer.band).replace(MONTH, word)
    if len(changes) == 1:
        changes |= {"band": int(word), "of_bands": 12}
    return layer.model_copy(update=changes)


def load_climate_layers(*paths: Path) -> ClimateLayers:
    """Read the layers, later files laid over earlier ones.

    Raises
    ------
    HybridmapError
        If a file cannot be read, or has an unknown key or a wrong value, with its line.
    """
    raw: dict[str, Any] = {}
    lines = Lines()
    for path in paths:
        if path.suffix == ".nc":
            raise HybridmapError(f"{path}: is no file of climate layers; history files go without --from climate.")
        content, places = read_yaml(path)
        raw = merge(raw, content)
        lines.files.append((path, places))
    origin = " + ".join(map(str, paths))
    for place, fault in odd_values(raw):
        raise HybridmapError(f"{lines.find(place) or origin}: {dotted(place, raw)}: {fault}.")
    try:
        return ClimateLayers.model_validate(raw)
    except ValidationError as error:
        location, sentence = explain(error, raw, ClimateLayers)
        raise HybridmapError(f"{lines.find(location) or origin}: {sentence}") from None
