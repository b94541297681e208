"""Reading as a list of steps: each drops for one reason, and what it drops is counted in order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Grid, ObservationSource
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.sources.coordinates import LAT, LON, DegreeBounds
from hybridmap.observations.sources.opened_source import OpenedSource, open_source
from hybridmap.observations.sources.row_steps import Step, read_rows

BOUNDS = DegreeBounds(0, 40, 20, 60)
TABLE = """id,x,y,kind,oc
a,10,50,soil,1
b,11,51,peat,2
c,12,52,soil,3
d,99,50,soil,4
e,0,0,soil,5
f,NA,50,soil,6
"""
COLUMNS: dict[str, Any] = {
    "site_id": "id",
    "lon": "x",
    "lat": "y",
    "top_cm": {"value": 0, "unit": "cm"},
    "bottom_cm": {"value": 20, "unit": "cm"},
    "oc_g_kg": {"column": "oc", "unit": "g/kg"},
}


def opened(folder: Path, text: str = TABLE, **keys: Any) -> OpenedSource:
    (folder / "t.csv").write_text(text)
    (folder / "depths.csv").write_text("nr,depth\na,30\na,30\nc,40\nd,50\ne,60\nf,70\n")
    entry = {"name": "s", "path": "t.csv", "licence": "CC0", "columns": COLUMNS, **keys}
    return open_source(ObservationSource.model_validate(entry), str(folder))


def join(**keys: Any) -> dict[str, Any]:
    return {"path": "depths.csv", "by": {"id": "nr"}, "take": {"depth": "depth"}, **keys}


def test_a_step_counts_what_it_drops() -> None:
    step = Step(lambda rows: rows[rows["a"] > 1], "rule", "reason")
    assert step(pd.DataFrame({"a": [1, 2, 3]}))["a"].tolist() == [2, 3]
    assert len(step(pd.DataFrame({"a": [0, 1]}))) == 0
    assert step.dropped == 3


def test_steps_come_in_the_order_joins_filters_place(tmp_path: Path) -> None:
    source = opened(tmp_path, joins=[join(required=True)], where={"kind": ["soil"]}, exclude={"id": ["c"]})
    drops = DropCounts("ingest")
    rows = read_rows(source, BOUNDS, drops)
    # Row numbers are those of the file; a missing place and (0, 0) stay for quality control.
    assert rows.index.tolist() == [2, 6, 7]
    assert rows["depth"].tolist() == ["30", "60", "70"]
    np.testing.assert_array_equal(rows[[LON, LAT]], [[10, 50], [0, 0], [np.nan, 50]])
    counts = drops.table()[["rule", "reason", "before", "dropped", "after"]]
    assert counts.to_numpy().tolist() == [
        ["file", "rows of the file", 6, 0, 6],
        ["join", "no partner in depths.csv", 6, 1, 5],
        ["filter", "'id' is one of ['c']", 5, 1, 4],
        ["outside_region", "outside the bounds of the region", 4, 1, 3],
    ]


def test_rows_stay_without_a_partner_that_is_not_required(tmp_path: Path) -> None:
    rows = read_rows(opened(tmp_path, joins=[join()]), BOUNDS, DropCounts("ingest"))
    assert rows["depth"].fillna("").tolist() == ["30", "", "40", "60", "70"]


def test_columns_of_an_optional_table_that_is_not_there_are_empty(tmp_path: Path) -> None:
    columns = {**COLUMNS, "landcover": "cover"}
    absent = {"path": "gone.csv", "by": {"id": "nr"}, "take": {"cover": "lc"}, "optional": True}
    rows = read_rows(opened(tmp_path, columns=columns, joins=[absent]), BOUNDS, DropCounts("ingest"))
    assert set(rows["cover"]) == {""}


def test_no_rows_at_all_names_the_step_that_dropped_most(tmp_path: Path) -> None:
    source = opened(tmp_path, where={"kind": ["peat"]}, exclude={"id": ["b"]})
    with pytest.raises(HybridmapError, match=r"most were left out because 'kind' is not one of \['peat'\]"):
        read_rows(source, BOUNDS, DropCounts("ingest"))


def test_chunks_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridmap.observations.tables.text_file.BLOCK_BYTES", 4096)
    header, *lines = TABLE.splitlines()
    source = opened(tmp_path, "\n".join([header, *lines * 500]) + "\n")
    assert sum(1 for _ in source.table.chunks(["id"])) > 3
    rows = read_rows(source, BOUNDS, DropCounts("ingest"))
    assert len(rows) == 5 * 500
    assert rows.index.is_unique
    assert rows.index.max() == 3001


def test_bounds_of_a_region_across_the_date_line_take_all_longitudes() -> None:
    grid = RegionGrid.of(Grid(crs="EPSG:3832", resolution=100_000, bounds=(2_500_000, 0, 5_000_000, 1_000_000)))
    bounds = DegreeBounds.of(grid)
    assert (bounds.west, bounds.east) == (-180.0, 180.0)
    assert bounds.south == pytest.approx(0.0, abs=1e-6)
