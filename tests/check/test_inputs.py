"""Files that each stage reads, from the configuration alone."""

from pathlib import Path
from typing import Any

from hybridmap.check import inputs
from hybridmap.config import Config
from hybridmap.files.tables import write_json

GRID = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [0, 0, 10_000, 10_000], "mask": "mask.gpkg"}


def region(**keys: Any) -> Config:
    return Config.model_validate({"grid": GRID, "data_root": "d", **keys})


def test_tables_and_what_is_joined(tmp_path: Path) -> None:
    source = {"name": "s", "path": "a.csv", "joins": [{"path": "b.csv"}], "columns": {"lon": "x"}}
    assert inputs.source_files(region(observations=[source]), "s") == ["d/a.csv", "d/b.csv"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/wosis_201909_layers_chemical.tsv").touch()
    known = {"name": "w", "path": "in", "format": "wosis"}
    files = inputs.source_files(region(observations=[known], data_root=str(tmp_path)), "w")
    assert {"wosis_201909_layers_chemical.tsv", "wosis_201909_profiles.tsv"} <= {Path(file).name for file in files}


def test_rasters_masks_and_polygons() -> None:
    layers = [{"name": "a", "path": "a.tif"}, {"name": "b", "path": "a.tif", "band": 2},
              {"name": "c", "path": "https://example.org/c.tif"}, {"name": "d", "path": "/vsizip/d.zip/d.tif"},
              {"name": "s", "derive": {"function": "slope", "of": "a"}}]  # fmt: skip
    made = region(
        covariates=layers,
        boundaries="lines.gpkg",
        totals=[{"name": "t", "polygons": "countries.gpkg", "attribute": "name"}],
        splits=[{"name": "r", "kind": "region", "polygons": "regions.gpkg", "attribute": "name"}],
    )
    assert inputs.cube_files(made) == ["d/a.tif", "https://example.org/c.tif", "/vsizip/d.zip/d.tif", "d/mask.gpkg"]
    assert inputs.split_files(made) == ["d/regions.gpkg"]
    assert inputs.totals_files(made) == ["d/countries.gpkg"]
    assert inputs.report_files(made) == ["d/lines.gpkg"]
    assert inputs.reference_files(made) == []


def test_files_that_options_of_a_process_name_at_any_depth() -> None:
    options = {"table": "forcing.npz", "formulation": "relaxed", "more": {"of": ["other.csv"]}}
    process = {"name": "five_pool", "options": options}
    made = region(splits=[{"name": "block"}], experiments=[{"name": "e", "process": process, "splits": ["block"]}])
    assert inputs.experiment_files(made, "e") == ["forcing.npz", "other.csv"]


def test_what_a_download_lost_counts_only_where_it_is_read(tmp_path: Path) -> None:
    source = {"name": "s", "path": "soil/a.csv", "columns": {"lon": "x"}}
    layers = [{"name": "a", "path": "soil/a.tif"}, {"name": "b", "path": "soil/own.tif"}]
    made = region(observations=[source], covariates=layers, data_root=str(tmp_path))
    receipt = tmp_path / "soil/fetched.json"
    write_json({"files": [{"name": "x.zip", "members": ["a.csv", "unread.csv"]}, {"name": "a.tif"}]}, receipt)
    for name in ("a.csv", "a.tif"):
        (tmp_path / "soil" / name).touch()
    assert inputs.lost_input(made, receipt) == ""  # neither the archive, nor what nothing reads, nor the user's own
    (tmp_path / "soil/a.tif").unlink()
    assert inputs.lost_input(made, receipt) == str(tmp_path / "soil/a.tif")
    write_json({"files": ["a.tif"]}, receipt)
    assert inputs.lost_input(made, receipt) == str(tmp_path / "soil/a.tif")
    for damage in ("", "[]", '{"files": 3}', '{"files": [3]}'):
        receipt.write_text(damage)
        assert inputs.lost_input(made, receipt) == ""
