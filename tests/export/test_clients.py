"""Programs that people have: QGIS, R, xarray, compliance-checker. Each is skipped where it is not installed."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from map_stores import CLASSES, europe, holed, store_of

from hybridmap.config import Build, Publication
from hybridmap.export.cog import write_cogs
from hybridmap.export.netcdf import write_netcdf
from hybridmap.export.origin import Origin, write_origin
from hybridmap.export.qgis_project import write_project
from hybridmap.export.stac import Subject, write_stac
from hybridmap.grid.depth_axis import Interval, depth_attributes, write_interval, write_years
from hybridmap.grid.store import consolidate
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal

SYSTEM_PYTHON = "/usr/bin/python3"
LEGENDS = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
out = {}
for path in sys.argv[1:]:
    layer = QgsRasterLayer(path, "map")  # kept, or its renderer goes with it
    renderer = layer.renderer()
    out[path.rpartition("/")[2]] = legend = {"labels": [item[0] for item in renderer.legendSymbologyItems()]}
    if renderer.type() == "singlebandpseudocolor":
        function = renderer.shader().rasterShaderFunction()
        settings = function.legendSettings()
        ends = [function.minimumValue(), function.maximumValue()]
        legend |= {"ends": ends, "suffix": settings.suffix(), "is_continuous": settings.useContinuousLegend()}
print(json.dumps(out))
"""

PROJECT = """
import json, sys
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
project = QgsProject.instance()
out = {"is_read": project.read(sys.argv[1]), "title": project.title(), "crs": project.crs().authid(), "groups": {}}
for group in project.layerTreeRoot().children():
    out["groups"][group.name()] = {
        node.layer().source().rpartition("/")[2]: [
            node.layer().isValid(), node.layer().crs().authid(), node.layer().renderer().type(), node.isVisible(),
            node.layer().metadata().title(), "".join(node.layer().metadata().licenses()),
        ] for node in group.children()
    }
alone = QgsRasterLayer(project.homePath() + "/maps/soc.tif", "soc")
alone.loadDefaultMetadata()
out["abstract"] = alone.metadata().abstract()
print(json.dumps(out))
"""
STAC = """
import sys
import numpy as np, odc.stac, pystac, stackstac
item, folder = pystac.Item.from_file(sys.argv[1]).make_asset_hrefs_absolute(), sys.argv[2]
names, place = ["soc", "packed", "applicable"], item.properties
options = {"epsg": int(place["proj:code"][5:]), "bounds": place["proj:bbox"], "resolution": place["proj:transform"][0]}
stack = stackstac.stack([item], assets=names, snap_bounds=False, **options)
np.savez(folder + "/stackstac.npz", **{name: stack.sel(band=name).values[0] for name in names})
cube = odc.stac.load([item], bands=names)
np.savez(folder + "/odc.npz", **{name: cube[name].values[0] for name in names})
"""

PUBLICATION = Publication.model_validate(
    {
        "authors": [{"name": "Muster, A.", "orcid": "0000-0002-1825-0097", "institution": "ETH"}, {"name": "Bo"}],
        "institution": "ETH", "contact": "anna@example.org", "citation": "Muster and Bo (2026)",
        "doi": "10.5281/zenodo.1", "licence": "CC-BY-4.0", "version": "1.0", "date": "2026-11-27",
        "publisher": {"name": "Zenodo", "url": "https://zenodo.org", "email": "info@zenodo.org"},
        "project": "Soils", "acknowledgement": "EU",
    }
)  # fmt: skip
ORIGIN = Origin("A title", (2009, 2018), ("CC0-1.0",), ("survey",), "0.1", PUBLICATION)


def soc(role: str = "") -> MapLayer:
    portrayal = Portrayal("interval" if role else "quantity", "SOC", "YlOrBr", subject="soc", role=role)  # type: ignore[arg-type]
    about = {} if role else {"cell_methods": "area: depth: mean"}
    return MapLayer("kg m-3", "soil organic carbon density", about=about, portrayal=portrayal)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clients")
    values = holed(64, 64)
    counts = np.random.default_rng(1).integers(0, 4, (64, 64)).astype("float32")
    store = store_of(
        folder, europe(64, 64), 64, soc=(soc(), values), soc_lower=(soc("lower"), values - 8.3),
        soc_upper=(soc("upper"), values + 11.7), applicable=(CLASSES, np.ones((64, 64))),
        out_of_range=(MapLayer("1", "number of covariates out of range", "class"), counts),
        packed=(MapLayer("kg m-3", "carbon", step=0.01), values),
    )  # fmt: skip
    root = zarr.open_group(str(store), mode="r+")
    root.attrs.update(depth_attributes([Interval(0, 30)]))
    write_interval(root, Interval(0, 30))
    write_years(root, 2009, 2018)
    for name in ("soc", "packed"):
        root[name].attrs["coordinates"] = "spatial_ref depth time"
    consolidate(store)
    write_origin(store, ORIGIN)
    write_cogs(store, folder / "maps", folder / "maps.json")
    write_netcdf(store, folder / "maps.nc")
    write_project("Region: a & b", europe(64, 64), folder / "maps.json", folder / "maps.qgs")
    pd.DataFrame({"year": [2009.0], "licence": ["CC0-1.0"]}).to_parquet(folder / "samples.parquet")
    subject = Subject("r-net", "A title", Build(), publication=PUBLICATION)
    write_stac(subject, store, folder / "maps.json", folder / "samples.parquet", folder / "item.json")
    return folder


def command(words: list[str]) -> str:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": ""}
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=True, timeout=120).stdout


def test_xarray_opens_a_store_without_a_warning(exported: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = xr.open_zarr(exported / "maps.zarr").load()
    assert {"depth", "time", "x", "y"} <= set(maps.coords)
    assert str(maps["time"].dt.year.item()) == "2014"
    np.testing.assert_allclose(maps["depth_bounds"], [0, 0.3])


def test_netcdf_holds_what_the_store_holds(exported: Path) -> None:
    copy, maps = xr.open_dataset(exported / "maps.nc"), xr.open_zarr(exported / "maps.zarr")
    for name in ("soc", "soc_upper", "packed", "out_of_range"):
        np.testing.assert_array_equal(copy[name], maps[name])
    assert copy["applicable"].attrs["flag_values"].dtype == np.uint8
    assert not [key for array in copy.values() for key in array.attrs if key.startswith("figure_")]


CHECKER_ALONE = (
    "should have at least two dimensions",  # CF 7.1: bounds of a coordinate without a dimension have one
    "extents_match",  # compares metres of a projection with degrees, and middles with the ends of their bounds
    ": standard_name",  # CF has no name of what is mapped
    "geospatial_bounds_vertical_crs",  # no code for depth below the surface of the soil
)
"""What compliance-checker says of files that are right."""


@pytest.mark.parametrize("standard", ["cf:1.11", "acdd:1.3"])
def test_netcdf_passes_the_compliance_checker(exported: Path, standard: str) -> None:
    checker = os.environ.get("COMPLIANCE_CHECKER") or shutil.which("compliance-checker")
    if not checker:
        pytest.skip("no compliance-checker")
    out = exported / "checked.json"
    words = [checker, "-t", standard, "-c", "strict", "-f", "json", "-o", str(out), str(exported / "maps.nc")]
    subprocess.run(words, capture_output=True, check=False, timeout=120)
    result = json.loads(out.read_text())[standard]
    # Suggested attributes are of instruments and platforms; what is recommended counts.
    checks = [*result["high_priorities"], *result["medium_priorities"]]
    rows = [(check["name"], text) for check in checks for text in check["msgs"]]
    faults = [f"{name}: {text}" for name, text in rows]
    assert not [f for f in faults if not any(part in f for part in CHECKER_ALONE)], faults


def test_a_file_alone_says_what_it_is(exported: Path) -> None:
    with rasterio.open(exported / "maps/soc.tif") as file:
        about, band = file.tags(), file.tags(1)
    expected = {"TITLE": "A title", "YEARS_OF_OBSERVATIONS": "2009 to 2018", "PRODUCT_VERSION": "1.0"}
    expected |= {"CREATOR_NAME": "Muster, A.; Bo", "LICENSE": "CC-BY-4.0", "CITATION": "Muster and Bo (2026)"}
    assert (expected | {"REFERENCES": "https://doi.org/10.5281/zenodo.1", "DATE_CREATED": "2026-11-27"}).items() <= (
        about.items()
    )
    assert not {"grid_mapping", "coordinates", "figure_group", "model_fingerprint"} & {*about, *band}
    assert band["cell_methods"] == "area: depth: mean"


def test_without_a_publication_nothing_is_said_of_it() -> None:
    plain = {name: text for name, text in replace(ORIGIN, publication=None).attributes().items() if text}
    published = ORIGIN.attributes()
    assert plain["license"] == "made of observations under CC0-1.0"
    assert not [name for name in plain if name.startswith(("creator", "publisher", "product", "date", "institution"))]
    assert {name: published[name] for name in plain if name != "license"}.items() <= plain.items()


def test_an_item_names_makers_licence_and_citation(exported: Path) -> None:
    item = json.loads((exported / "item.json").read_text())
    facts = item["properties"]
    assert [(p["name"], p["roles"]) for p in facts["providers"]] == [
        ("ETH", ["producer", "licensor"]), ("Zenodo", ["host"]), ("hybridmap", ["processor"])
    ]  # fmt: skip
    assert (facts["license"], facts["version"], facts["sci:doi"]) == ("CC-BY-4.0", "1.0", "10.5281/zenodo.1")
    assert {"cite-as": "https://doi.org/10.5281/zenodo.1"}.items() <= {
        k["rel"]: k["href"] for k in item["links"]
    }.items()
    assert sum("scientific" in e or "version" in e or "timestamps" in e for e in item["stac_extensions"]) == 3


def test_qgis_shows_units_round_numbers_and_one_range(exported: Path) -> None:
    if subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        pytest.skip("no QGIS")
    names = ["soc.tif", "soc_lower.tif", "soc_upper.tif", "applicable.tif", "out_of_range.tif"]
    seen = json.loads(command([SYSTEM_PYTHON, "-c", LEGENDS, *(str(exported / "maps" / name) for name in names)]))
    assert seen["soc.tif"]["ends"] == seen["soc_lower.tif"]["ends"] == seen["soc_upper.tif"]["ends"] == [26, 56]
    assert seen["soc.tif"]["suffix"] == " kg m-3"
    assert seen["soc.tif"]["is_continuous"]
    assert seen["applicable.tif"]["labels"] == ["outside", "inside"]
    assert seen["out_of_range.tif"]["labels"] == ["0", "1", "2", "3"]


NETCDF = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
layer = QgsRasterLayer(sys.argv[1], "map")
print(json.dumps([layer.isValid(), layer.crs().authid(), layer.dataProvider().bandStatistics(1).mean]))
"""


def test_qgis_reads_netcdf(exported: Path) -> None:
    """Its GDAL reads no Zarr of format 3."""
    if subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        pytest.skip("no QGIS")
    seen = json.loads(command([SYSTEM_PYTHON, "-c", NETCDF, f'NETCDF:"{exported / "maps.nc"}":soc']))
    assert seen == [True, "EPSG:3035", pytest.approx(np.nanmean(xr.open_zarr(exported / "maps.zarr")["soc"]), rel=1e-5)]


def test_qgis_opens_the_project_wherever_it_lies(exported: Path, tmp_path: Path) -> None:
    if subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        pytest.skip("no QGIS")
    shutil.copytree(exported / "maps", tmp_path / "maps")
    shutil.copy(exported / "maps.qgs", tmp_path)
    seen = json.loads(command([SYSTEM_PYTHON, "-c", PROJECT, str(tmp_path / "maps.qgs")]))
    assert seen["is_read"]
    assert seen["title"] == "Region: a & b"
    assert seen["crs"] == "EPSG:3035"
    assert {name: list(layers) for name, layers in seen["groups"].items()} == {
        "Pools": ["soc.tif", "packed.tif"],
        "Intervals": ["soc_lower.tif", "soc_upper.tif"],
        "Applicability": ["applicable.tif", "out_of_range.tif"],
    }
    about = "CC-BY-4.0"
    title = "soil organic carbon density, A title"
    assert seen["groups"]["Intervals"]["soc_lower.tif"][:4] == [True, "EPSG:3035", "singlebandpseudocolor", False]
    assert seen["groups"]["Applicability"]["applicable.tif"][2] == "paletted"
    assert [name for layers in seen["groups"].values() for name, facts in layers.items() if facts[3]] == ["soc.tif"]
    assert seen["groups"]["Pools"]["soc.tif"][4:] == [title, about]
    assert "survey" in seen["abstract"]


def test_a_project_is_the_same_wherever_it_is_made(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported / "maps", tmp_path / "maps")
    shutil.copy(exported / "maps.json", tmp_path)
    write_project("Region: a & b", europe(64, 64), tmp_path / "maps.json", tmp_path / "maps.qgs")
    assert (tmp_path / "maps.qgs").read_bytes() == (exported / "maps.qgs").read_bytes()
    assert str(exported) not in (exported / "maps.qgs").read_text() + (exported / "maps/soc.qmd").read_text()
    (tmp_path / "maps.json").write_text(json.dumps([{"name": "soc", "file": "", "units": "1", "type": "float32"}]))
    write_project("withheld", europe(64, 64), tmp_path / "maps.json", tmp_path / "maps.qgs")
    assert "maplayer" not in (tmp_path / "maps.qgs").read_text()


def test_stackstac_and_odc_read_the_numbers_of_an_item(exported: Path) -> None:
    """The one scales what is packed; the other gives the numbers as they are stored."""
    python = os.environ.get("STAC_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import stackstac, odc.stac"], capture_output=True, check=False).returncode:
        pytest.skip("no stackstac and odc-stac")
    command([python, "-c", STAC, str(exported / "item.json"), str(exported)])
    stored = {n: rasterio.open(exported / f"maps/{n}.tif").read(1) for n in ("soc", "packed", "applicable")}
    packed = np.where(stored["packed"] == -32768, np.nan, stored["packed"] * 0.01)
    scaled, plain = np.load(exported / "stackstac.npz"), np.load(exported / "odc.npz")
    np.testing.assert_array_equal(scaled["soc"], stored["soc"])
    np.testing.assert_allclose(scaled["packed"], packed)
    np.testing.assert_array_equal(scaled["applicable"], stored["applicable"])
    for name, values in stored.items():
        np.testing.assert_array_equal(plain[name], values)


def test_r_reads_classes_by_name_and_units(exported: Path) -> None:
    if not shutil.which("Rscript") or "TRUE" not in command(["Rscript", "-e", "cat(requireNamespace('terra'))"]):
        pytest.skip("no R with terra")
    script = (
        f"library(terra); setwd('{exported}'); cat(levels(rast('maps/applicable.tif'))[[1]][, 2]);"
        "r <- rast('maps.nc', subds = 'soc'); cat('', units(r), longnames(r), sep = '|')"
    )
    assert command(["Rscript", "-e", script]).strip() == "outside inside|kg m-3|soil organic carbon density"
