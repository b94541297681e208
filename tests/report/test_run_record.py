"""The chain of artefacts, and what a look at them later says."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from conftest import ROOT

from hybridmap.cli import main
from hybridmap.config.reading import load_config
from hybridmap.errors import HybridmapError
from hybridmap.export.crate import CONTEXT, write_crate
from hybridmap.files.job_records import read_job_records
from hybridmap.files.reading import read_state
from hybridmap.files.sums import write_sums
from hybridmap.files.tables import write_state
from hybridmap.report import run_record
from hybridmap.report.run_record import Owner, job_of, write_run_record
from hybridmap.report.verification import verify

# Words of RO-Crate 1.1 that a crate uses, and the one that it declares itself; validators refuse others.
WORDS = {
    "@id",
    "@type",
    "about",
    "actionStatus",
    "citation",
    "conformsTo",
    "contentSize",
    "datePublished",
    "description",
}
WORDS |= {
    "encodingFormat",
    "endTime",
    "hasPart",
    "identifier",
    "instrument",
    "license",
    "mainEntity",
    "mentions",
    "name",
}
WORDS |= {"object", "programmingLanguage", "result", "startTime", "url", "version"} | set(CONTEXT[1])
SOURCE = {"name": "survey", "path": "survey.csv", "licence": "CC BY 4.0", "citation": "A. Soil (2020)"}


def record_job(folder: Path, output: str, rule: str, inputs: list[str], width: int = 200) -> None:
    """What Snakemake notes of a job, with long names cut as it cuts them."""
    code = urlsafe_b64encode(output.encode()).decode()
    pieces = [code[k : k + width] for k in range(0, len(code), width)]
    file = folder / ".snakemake/metadata" / Path(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"rule": rule, "input": inputs, "shellcmd": f"hybridmap {rule} {inputs[0]}", "incomplete": False}
    file.write_text(json.dumps(content))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A region of two jobs, and the table that it was made from."""
    folder = tmp_path / "results" / "demo"
    store = folder / "experiments/net/maps.zarr"
    (store / "soc/c").mkdir(parents=True)
    (store / "soc/c/0").write_bytes(b"pixels")
    (store / "zarr.json").write_text("{}")
    write_sums(store, store, {})
    (folder / "samples.parquet").write_bytes(b"samples")
    (folder / "quality.csv").write_text("rule,rows\n")
    (folder / "logs").mkdir()
    (folder / "logs/build.log").write_text("said")
    (tmp_path / "survey.csv").write_text("oc\n1\n")
    monkeypatch.chdir(tmp_path)
    record_job(tmp_path, "results/demo/samples.parquet", "sample", ["results/demo/settings/sample.json"])
    record_job(
        tmp_path, "results/demo/experiments/net/maps.zarr/zarr.json", "predict", ["results/demo/samples.parquet"], 40
    )
    record_job(tmp_path, "elsewhere/table.csv", "other", ["x"])
    digest = run_record.current_sha256(tmp_path / "survey.csv")
    monkeypatch.setattr(run_record, "input_hashes", lambda *_: [SOURCE | {"sha256": digest}])
    config = load_config(ROOT / "config.yaml").model_copy(update={"data_root": str(tmp_path)})
    write_run_record(config, Path("results/demo"), Path("results/demo/provenance.json"))
    return Path("results/demo")


def test_every_file_has_its_job_and_every_job_its_inputs(results: Path) -> None:
    record = json.loads((results / "provenance.json").read_text())
    jobs = {job["rule"]: job for job in record["jobs"]}
    assert set(jobs) == {"sample", "predict"}
    assert jobs["predict"]["inputs"] == ["samples.parquet"]
    assert record["files"]["quality.csv"]["job"] is None  # this workflow names no rule that made it
    rules = {n: record["jobs"][e["job"]]["rule"] for n, e in record["files"].items() if e["job"] is not None}
    assert rules == {
        "samples.parquet": "sample",
        "experiments/net/maps.zarr.sums": "predict",  # the store's own files are what its sums name
    }


def test_untouched_results_are_as_written_also_elsewhere(results: Path, tmp_path: Path) -> None:
    assert verify(results) == (5, 1, [], [])
    results.rename(tmp_path / "moved")
    assert verify(tmp_path / "moved").differences == []


@pytest.mark.parametrize(
    ("name", "said", "rule"),
    [
        ("samples.parquet", "its content is not what was written", "sample"),
        ("experiments/net/maps.zarr/soc/c/0", "its content is not what was written", "predict"),
        ("experiments/net/maps.zarr.sums", "its content is not what was written", "predict"),
    ],
)
def test_a_changed_byte_is_named_with_its_maker(results: Path, name: str, said: str, rule: str) -> None:
    content = (results / name).read_bytes()
    (results / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    (line,) = verify(results).differences
    assert line.startswith(f"{results / name}: {said}; made by rule {rule}: hybridmap {rule} ")
    (results / name).unlink()
    assert verify(results).differences[0].startswith(f"{results / name}: it is gone; made by rule {rule}")


def test_a_source_that_changed_and_strange_files_are_told(results: Path, tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text("oc\n2\n")
    (results / "mine.txt").write_text("notes")
    found = verify(results)
    assert [line.partition(": ")[2] for line in found.differences] == [
        "its content is not that which the run was made from (survey)"
    ]
    assert found.notes == [f"1 files are not of this run, such as {results / 'mine.txt'}"]
    assert main(["verify", str(results)]) == 1


def test_results_without_a_record_are_refused(tmp_path: Path) -> None:
    for look in (verify, lambda path: write_crate(path, Path("Snakefile"))):
        with pytest.raises(HybridmapError, match=r"provenance.json: not there; snakemake writes it at the end"):
            look(tmp_path)
    with pytest.raises(HybridmapError, match="no records of jobs there; run this in the folder that snakemake ran in"):
        read_job_records(tmp_path)


def test_a_damaged_record_is_told(results: Path) -> None:
    text = (results / "provenance.json").read_text()
    (results / "provenance.json").write_text(text.replace("sample", "simple"))
    with pytest.raises(HybridmapError, match=r"provenance.json"):
        verify(results)


def test_the_nearest_owner_made_a_file() -> None:
    owners = [
        Owner(Path("r/a"), 0),
        Owner(Path("r/a/b"), 1),
        Owner(Path("r/a/b/c.csv"), 2),
        Owner(Path("r/in/made"), 3),
    ]
    made = {
        "r/a/b/c.csv": 2,
        "r/a/b/d.csv": 1,
        "r/a/x/y.csv": 0,
        "r/in/tables/t.csv": 3,  # beside a folder that it lies in
        "r/b.csv": None,  # beside everything
        "s/b.csv": None,
    }
    assert {name: job_of(Path(name), owners, Path("r")) for name in made} == made


def test_files_beside_trained_models_are_recorded_too(results: Path) -> None:
    folder = results / "experiments/net"
    (folder / "all").mkdir()
    (folder / "all/weights").write_bytes(b"weights")
    (folder / "scores.csv").write_text("r\n")
    write_state({"all/weights": [7, 0]}, results / "experiments/net.sums")
    names = {file.relative_to(results).as_posix() for file in run_record.result_files(results)}
    assert {"experiments/net.sums", "experiments/net/scores.csv"} <= names
    assert "experiments/net/all/weights" not in names


def test_a_crate_names_workflow_sources_and_results(results: Path, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule all:\n")
    (tmp_path / "workflow/rules").mkdir(parents=True)
    (tmp_path / "workflow/rules/train.smk").write_text("")
    assert main(["crate", str(results)]) == 0
    graph = {entry["@id"]: entry for entry in json.loads((results / "ro-crate-metadata.json").read_text())["@graph"]}
    root, run = graph["./"], graph["#run"]
    assert root["mainEntity"] == {"@id": "workflow/Snakefile"}
    assert root["license"] == {"@id": "https://creativecommons.org/licenses/by/4.0/"}
    assert run["object"] == [{"@id": "#source-survey"}]
    assert {"@id": "experiments/net/maps.zarr/"} in run["result"]
    assert (results / "workflow/workflow/rules/train.smk").is_file()
    for part in (*root["hasPart"], *run["object"], root["license"], *root["conformsTo"]):
        assert part["@id"] in graph
    for name, entry in graph.items():
        assert entry.keys() <= WORDS
        assert "File" not in entry["@type"] or (results / name).is_file()


def test_a_crate_names_authors_and_licence_of_a_publication(results: Path, tmp_path: Path) -> None:
    anna, bo = {"name": "Anna", "orcid": "0000-0002-1825-0097"}, {"name": "Bo", "institution": "ETH"}
    block = {"authors": [anna, bo], "doi": "10.5281/zenodo.1", "citation": "Anna (2026)", "licence": "CC-BY-NC-4.0",
             "version": "1.0", "date": "2026-11-27"}  # fmt: skip
    write_state({**read_state(results / "provenance.json"), "publication": block}, results / "provenance.json")
    (tmp_path / "Snakefile").write_text("rule all:\n")
    write_crate(results, tmp_path / "Snakefile")
    graph = {entry["@id"]: entry for entry in json.loads((results / "ro-crate-metadata.json").read_text())["@graph"]}
    root = graph["./"]
    assert [graph[author["@id"]]["name"] for author in root["author"]] == ["Anna", "Bo"]
    assert root["author"][0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    assert (root["identifier"], root["version"]) == ("https://doi.org/10.5281/zenodo.1", "1.0")
    assert root["datePublished"] == "2026-11-27"
    assert root["description"].endswith("Cite as: Anna (2026)")
    assert graph[root["license"]["@id"]]["name"] == "CC-BY-NC-4.0"


def test_a_state_that_is_no_record_of_this_release_is_no_traceback(tmp_path: Path) -> None:
    write_state({"files": {}}, tmp_path / "provenance.json")
    with pytest.raises(HybridmapError, match=r"provenance.json"):
        verify(tmp_path)
