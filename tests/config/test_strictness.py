"""Nonsense in a region file is refused when it is read, in one sentence with the line where it stands."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from hybridmap.config import Config
from hybridmap.config.reading import load_config, parse_config
from hybridmap.config.yaml_file import read_yaml
from hybridmap.errors import HybridmapError

ONE = "experiments:\n  - {name: a, splits: [block], global: all, "


def read(folder: Path, text: str | bytes) -> Config:
    """The default with `text` laid over it."""
    path = folder / "region.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(ROOT / "config.yaml", path)


TRAPS = [
    ("region: a\ntitle: x\nregion: b\n", r"line 3: the key 'region' stands twice in one block, first in line 1"),
    ("grid: {crs: EPSG:3035, crs: EPSG:4326}", r"line 1: the key 'crs' stands twice"),
    ("title: x\nsplits:\n  - {name: block, folds: 1:30}", r"line 3: YAML reads 1:30 as another number"),
    ("splits: [{name: block, folds: 010}]", r"line 1: YAML reads 010 as another number"),
    ("title: NO", r"line 1: title: .*got False; write text in quotes"),
    ("title: 2024-01-01", r"line 1: title: .*write text in quotes"),
    (
        "splits: [{name: block, seed: yes}, {name: random}]",
        r"line 1: splits\.block\.seed: expected a number or text, found a switch",
    ),
    (ONE + "training: {max_epochs: on}}", r"line 2: experiments\.a\.training\.max_epochs: expected a number"),
    ("observations:\n  - {name: s, path: t, where: {k: [no]}}", r"line 2: observations\.s\.where\.k"),
    (b"title: \xff", r"line 1: not UTF-8"),
    ("a: " + "[" * 100_000, r"line 1: more than 40 blocks inside each other"),
    ("title: 2024-13-45", r"not valid YAML \(month must be"),
    ("- a\n- b", r"expected 'key: value' lines at the top level, found list"),
    ("grid: &a {x: *a}", r"not valid YAML|unknown key"),
    ("region: a\ntitle: !!binary aGk=", r"line 2: title: expected text or a number, found bytes"),
    ("title: x\nbaselines: !!set {linear}", r"line 2: baselines: expected text or a number, found set"),
    ("splits: !!omap [{name: block}]", r"line 1: splits.0: expected text or a number, found tuple"),
    ('title: "a\\0b"', r"line 1: title: has a NUL character"),
    ('covariates:\n  - {name: a, path: "\\0"}', r"line 2: covariates\.a\.path: has a NUL character"),
    ('"a\\0b": 1', "a key has a NUL character"),
]


@pytest.mark.parametrize(("text", "says"), TRAPS)
def test_traps_of_yaml_are_refused_with_their_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(HybridmapError, match=says) as error:
        read(tmp_path, text)
    assert "region.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_of_a_covariate_and_a_forcing_has_one_unit(tmp_path: Path) -> None:
    for unit, is_refused in (("", True), (", unit: K", True), (", unit: degC", False)):
        text = f"covariates:\n  - {{name: clay, path: c.tif}}\n  - {{name: mat, path: m.tif{unit}}}\n"
        if is_refused:
            with pytest.raises(
                HybridmapError, match=r"line 3: covariate 'mat' is in .*, the forcing of that name in 'degC'"
            ):
                read(tmp_path, text)
        else:
            assert read(tmp_path, text).covariates[1].unit == "degC"


def test_words_in_quotes_and_plain_numbers_are_what_they_look_like(tmp_path: Path) -> None:
    config = read(
        tmp_path, "title: 'NO'\nsplits:\n  - {name: block, folds: 10, buffer_km: 1.0e-3}\n  - {name: random}\n"
    )
    assert config.title == "NO"
    assert (config.splits[0].folds, config.splits[0].buffer_km) == (10, 0.001)
    assert read(tmp_path, "title: '1:30'\noffline: yes\n").offline


def test_json_is_held_to_the_same(tmp_path: Path) -> None:
    for text, says in {'{"title": "\\ud800"}': "no Unicode", '{"title": "\\u0000"}': "NUL character"}.items():
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(HybridmapError, match=f"title: has .*{says}"):
            load_config(ROOT / "config.yaml", tmp_path / "settings.json")


def test_aliases_of_aliases_end_soon(tmp_path: Path) -> None:
    bombs = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    with pytest.raises(HybridmapError, match="unknown key 'a"):
        read(tmp_path, f"a0: &a0 [x]\n{bombs}\n")


NONSENSE = [
    (ONE + "bounds: {cue: [.nan, 1]}}", "finite"),
    (ONE + "bounds: {cue: [0.5, 0.2]}}", "they must increase"),
    (ONE + "bounds: {cue: [0.2, 0.5]}, start: {cue: 0.6}}", "not between its bounds"),
    (ONE + "fixed: {cue: .inf}}", "finite"),
    (ONE + "targets: [soc, soc]}", "targets names 'soc' twice"),
    (ONE + "targets: []}", "at least 1 item"),
    ("experiments:\n  - {name: a, splits: []}", "at least 1 item"),
    (ONE + "seed: 1180591620717411303424}", "less than 9223372036854775808"),
    (ONE + "encoder: {name: {}}}", "no encoder '{}'; there are"),
    (ONE + "encoder: {name: [kan]}}", "no encoder '.'kan'.'"),
    (ONE + "encoder: {hidden: [0]}}", "greater than or equal to 1"),
    (ONE + "encoder: {hidden: [1000000000]}}", "less than or equal to"),
    (ONE + "training: {global_learning_rate: 0}}", "greater than or equal to 0.000000000001"),
    (ONE + "training: {learning_rate: 1.0e+9}}", "less than or equal to 100"),
    (ONE + "training: {weight_decay: 1.0e+9}}", "less than or equal to 100"),
    (ONE + "training: {clip_norm: 1.0e-300}}", "greater than or equal to 0.000000000001"),
    (ONE + "encoder: {name: kan, margin: 1.0e+308}}", "less than or equal to 1000"),
    (ONE + "training: {learning_rate: .inf}}", "finite"),
    (ONE + "loss: {weights: {soc: -1}}}", "weights.soc is -1"),
    (ONE + "loss: {weights: {soc: .nan}}}", "finite"),
    (ONE + "targets: [soc], loss: {weights: {soc: 0}}}", "leave no target"),
    (ONE + "loss: {beta: .inf}}", "finite"),
    (ONE + "loss: {penalties: {l1: -1}}}", "penalties.l1 is -1"),
    (ONE + "loss: {observation_sd: {soc: 0}}}", "observation_sd.soc is 0; it must be from 1e-12 to 1e.09"),
    (ONE + "loss: {weights: {soc: 1.0e+308}}}", "weights.soc is 1e.308; it must be 0, or from 1e-12 to 1e.09"),
    (ONE + "loss: {beta: 1.0e-300}}", "greater than or equal to 0.000000000001"),
    (ONE + "loss: {weights: {sock: 1}}}", "loss.weights: no target 'sock'"),
    (ONE + "encoder: {positional: [x]}}", "no layer 'x'"),
    (ONE + "encoder: {position_waves: {count: 0}}}", "position_waves.count"),
    (ONE + "encoder: {position_waves: {wavelength: 5}}}", "wavelength"),
    (ONE + "encoder: {position_waves: {}}}\nforcing: [{name: lon, path: x.tif}]", "a forcing is called 'lon'"),
    ("experiments: 5", "valid list"),
    (f"experiments:\n  - {{name: {'a' * 300}, splits: [block]}}", "at most 64"),
    ("build: {stocks_cm: [.nan]}", "finite"),
    ("build: {stocks_cm: [30, 30]}", "names a depth twice"),
    ("build: {stocks_cm: [-1]}", "is no depth"),
    ("build: {stocks_cm: [1.0e+308]}", "is no depth"),
    ("build: {limits: {max_oc_g_kg: 1.0e-300}}", "greater than or equal to 1"),
    ("build: {top_cm: 30, bottom_cm: 20}", "must increase"),
    ("build: {limits: {max_oc_g_kg: .nan}}", "finite"),
    ("build: {limits: {max_oc_g_kg: 1.0e+9}}", "less than or equal to 1000"),
    ("build: {limits: {min_thickness_cm: 1.0e+9}}", "less than or equal to 100"),
    ("build: {limits: {max_coarse_fragments: 2}}", "less than or equal to 1"),
    ("build: {smoothing: 1.0e+21}", "less than or equal to 1000000"),
    ("build: {bottom_cm: 1.0e+9}", "less than or equal to 10000"),
    ("build: {limits: {fraction_recovery: [1.3, 0.7]}}", "must increase"),
    ("build: {limits: {max_bulk_density_g_cm3: 0.01}}", "must increase"),
    ("grid: {resolution: 0.001}", "check the units of resolution"),
    ("grid: {bounds: [.nan, 0, 1, 1]}", "finite"),
    ("predict: {packed: {soc: 0}}", "greater than or equal to 0.000001"),
    ("predict: {packed: {soc: 1.0e+9}}", "less than or equal to 1000"),
    ("predict: {scenarios: {dry: {npp: {multiply: -1}}}}", "greater than or equal to 0"),
    ("predict: {packed: {soc: .nan}}", "finite"),
    ("predict: {interval_of: [soc, soc]}", "stands twice"),
    ("predict: {scenarios: {warm: {mat: {add: .nan}}}}", "finite"),
    ("predict: {scenarios: {warm: {mta: {add: 1}}}}", r"no forcing 'mta' \(did you mean 'mat'\?\)"),
    ("predict: {scenarios: {warm: {}}}", "at least 1 item"),
    ("splits: [{name: block, size_km: 1.0e+9}, {name: random}]", "less than or equal to 40000"),
    ("splits: [{name: block, size_km: 1.0e-300}, {name: random}]", "greater than or equal to 0.001"),
    ("splits: [{name: block, buffer_km: 1.0e+9}, {name: random}]", "less than or equal to 40000"),
    ("splits: [{name: block, seed: -1}, {name: random}]", "greater than or equal to 0"),
    ("splits: [{name: block, kind: strata, layer: x}, {name: random}]", "no layer 'x'"),
    ("covariates:\n  - {name: a, path: a.tif, missing: .inf}", "missing"),
    ("covariates:\n  - {name: a, path: a.tif, scale: 0}", "scale 0"),
    ("covariates:\n  - {name: a, path: a.tif, scale: 1.0e+308}", "scale 1e.308 is no number of a covariate"),
    ("covariates:\n  - {name: a, path: a.tif, offset: -1.0e-300}", "offset -1e-300 is no number"),
    ("covariates:\n  - {name: a, path: a.tif, missing: 1.0e+300}", "missing 1e.300 is no number"),
    ("observations:\n  - {name: s, path: ''}", "at least 1 character"),
    ('observations:\n  - {name: s, path: "a\\tb"}', "control character"),
    ("covariates:\n  - {name: a, path: a.tif, valid_range: [1, 0]}", "must increase"),
    ("covariates:\n  - {name: a, path: a.tif, bands: 3}", "expected a list"),
    ("covariates:\n  - {name: a, path: a.tif, bands: []}", "bands is empty"),
    ("covariates:\n  - {name: a, path: a.tif, classes: {}}", "classes is empty"),
    ("covariates:\n  - {name: a, path: a.tif, classes: {1: ''}}", "a class has no name"),
    ("covariates:\n  - {name: a, path: a.tif, classes: {1: null}}", "a class has no name"),
    ("observations:\n  - {name: s, path: t, encoding: rot13}", "is no encoding of text"),
    ("observations:\n  - {name: s, path: t, encoding: hex}", "is no encoding of text"),
    ("observations:\n  - {name: s, path: t, encoding: zzz}", "is no encoding of text"),
    ("observations:\n  - {name: s, path: t, layers: [{}, {}]}", "every row would count twice"),
    (ONE + "training: {max_epochs: 5, warmup_epochs: 5}}", "warmup_epochs 5 leave none of the 5 epochs"),
    ("covariates:\n  - {name: a, path: a.tif, classes: {x: forest}}", "are no numbers"),
    ("reference: {name: r, layers: [{name: a, path: a.tif}], weights: [1, 2]}", "2 for 1 layers"),
    ("reference: {name: r, layers: [{name: a, path: a.tif}], weights: [0]}", "all 0"),
    ("totals:\n  - {name: t, polygons: '', attribute: a}", "at least 1 character"),
    ("baselines: [linear, linear]", "used twice"),
]


@pytest.mark.parametrize(("text", "says"), NONSENSE)
def test_nonsense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(HybridmapError, match=says) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


FOLDERS = [
    "",
    " ",
    "/",
    "//",
    "/./",
    "a\nb",
    "a\0b",
    "a\x7fb",
    "x" * 256,
    "é" * 200,
    "/".join(["abc"] * 1500),
    "{fold}",
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_that_cannot_be_are_refused(folder: str) -> None:
    raw = load_config(ROOT / "config.yaml").model_dump(mode="json", by_alias=True)
    with pytest.raises(HybridmapError, match="results: "):
        parse_config({**raw, "results": folder}, "region.yaml")


def test_a_mistake_names_the_file_and_line_where_it_stands(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("grid: {resolution: 1, bounds: [0, 0, 1, 1]}\ncovariates:\n  - {name: x, path: x.tif}\n")
    second.write_text(
        "covariates:\n  - {name: t, path: 't_{month}.tif', months: true}\n"
        "  - name: x\n    path: y.tif\n    kind: avrage\n"
    )
    with pytest.raises(HybridmapError) as error:
        load_config(first, second)
    assert str(error.value).startswith(f"{second}, line 5: covariates.x.kind: ")
    second.write_text("experiment_defaults: {trainig: {}}\nexperiments: [{name: a}]\n")
    with pytest.raises(HybridmapError, match=r"did you mean 'training'"):
        load_config(first, second)


def test_json_is_read_as_json(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"title": "\\ud83c\\udf31", "region": "x"}')
    assert read_yaml(path)[0]["title"] == "🌱"
    path.write_text('{"title": "a", "title": "b"}')
    with pytest.raises(HybridmapError, match="'title' stands twice"):
        read_yaml(path)


@pytest.fixture
def region(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "data").mkdir()
    grid = {"resolution": 1, "bounds": [0, 0, 1, 1]}
    return {"data_root": str(tmp_path / "data"), "grid": grid}


VRT = "<VRTDataset><VRTRasterBand><SimpleSource>{}</SimpleSource></VRTRasterBand></VRTDataset>"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.tif", "https://example.org/x.tif", "/vsicurl/http://a/x.tif"])
@pytest.mark.parametrize("key", ["covariates", "observations", "totals", "splits", "mask", "boundaries"])
def test_inputs_outside_data_root_need_leave(region: dict[str, Any], path: str, key: str) -> None:
    entries: dict[str, Any] = {
        "covariates": {"covariates": [{"name": "a", "path": path}]},
        "observations": {"observations": [{"name": "a", "path": path}]},
        "totals": {"totals": [{"name": "a", "polygons": path, "attribute": "n"}]},
        "splits": {"splits": [{"name": "a", "kind": "region", "polygons": path, "attribute": "n"}]},
        "mask": {"grid": {**region["grid"], "mask": path}},
        "boundaries": {"boundaries": path},
    }
    raw = {**region, **entries[key]}
    with pytest.raises(HybridmapError, match="lies outside data_root"):
        parse_config(raw, "region.yaml")
    allowed = ["/etc", f"{region['data_root']}/..", "https://", "/vsicurl/"]
    parse_config({**raw, "outside": allowed}, "region.yaml")


def test_a_vrt_reads_nothing_outside_data_root(region: dict[str, Any], tmp_path: Path) -> None:
    raw = {**region, "covariates": [{"name": "a", "path": "odd.tif"}]}
    vrt = tmp_path / "data/odd.tif"  # GDAL knows a VRT by its content
    vrt.write_text(VRT.format('<SourceFilename relativeToVRT="0">/etc/passwd</SourceFilename>'))
    with pytest.raises(HybridmapError, match=r"layer 'a': its source /etc/passwd lies outside data_root"):
        parse_config(raw, "region.yaml")
    vrt.write_text(VRT.format('<SourceFilename relativeToVRT="1">../secret.tif</SourceFilename>'))
    with pytest.raises(HybridmapError, match=r"secret\.tif lies outside"):
        parse_config(raw, "region.yaml")
    vrt.write_text(VRT.format('<SourceFilename relativeToVRT="1">inner.vrt</SourceFilename>'))
    (tmp_path / "data/inner.vrt").write_text(VRT.format("<SourceFilename>/vsicurl/http://a/b.tif</SourceFilename>"))
    with pytest.raises(HybridmapError, match=r"http://a/b\.tif lies outside"):
        parse_config(raw, "region.yaml")
    vrt.write_text(VRT.format('<SourceFilename relativeToVRT="1">tile.tif</SourceFilename>'))
    parse_config(raw, "region.yaml")
