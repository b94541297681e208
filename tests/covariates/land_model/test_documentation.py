"""docs/clm5.md says what the code assumes and reads."""

import re

import yaml
from conftest import ROOT

from hybridmap.config.climate_layers import ClimateLayers, load_climate_layers
from hybridmap.covariates.land_model.assumptions import assumptions_table

PAGE = (ROOT / "docs/clm5.md").read_text(encoding="utf-8")


def row(key: str, default: float | str, unit: str, source: str, meaning: str) -> str:
    """Line of the table of assumptions."""
    value = default if isinstance(default, str) else f"{default:g}{'' if unit == '1' else f' {unit}'}"
    return f"| {meaning} | {value} | {source} | `{key}` |"


def test_every_assumption_is_in_the_table() -> None:
    rows = [row(a.key, a.default, a.unit, a.source, a.meaning) for a in assumptions_table()]
    assert [line for line in rows if line not in PAGE] == []


def test_every_key_is_described_and_the_examples_are_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert [key for key in ClimateLayers.model_fields if f"`{key}`" not in PAGE] == []
    examples = re.findall(r"^```climate\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        assert yaml.safe_load(text)
        (tmp_path / "climate.yaml").write_text(text)
        layers = load_climate_layers(tmp_path / "climate.yaml")
        assert len({(m.path, m.band) for m in layers.months("temperature")}) == 12
