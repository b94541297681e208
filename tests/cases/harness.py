"""Real tables at the door: one small harness for the cases of ``shared/cases/tables.md`` and others of their kinds.

A case is a table, the fields that a region file maps, and what must come of it: values (with tolerance), a refusal
(exit 1, one sentence that names file, column, row and the key that settles it, no traceback, no output, and ``check``
refuses too), or a counted line in ``quality.csv``. Only the command line and the files on disk are used.

A case that fails today is a line of :mod:`cases.pending` (``xfail``, strict). Whoever mends it deletes the line.

Keys that the cases propose where the issue leaves them open
-----------------------------------------------------------

==================== =================== ============================================================================
key                  where               accepted values, meaning
==================== =================== ============================================================================
decimal              source, column      "." or ","; the decimal sign of text columns. A column's goes before its
                                         source's. Numbers that are typed already are not touched.
thousands            source, column      ",", ".", " " (any kind of blank), "'", or "" for none. May not equal decimal.
missing              source, column      list of texts and numbers; cells that mean "not measured", whatever the dtype,
                                         capitals and number of decimals. Beside the built-in codes; a column's list is
                                         added to its source's. Goes before every other meaning of the cell.
not_detected         source, column      list of texts that mean "below the detection limit" (n.d., tr, BDL): treated
                                         as "<LOD", so ``detection_limit`` is needed. A column with a detection limit
                                         and ``n.d.`` in neither list is refused and both keys are named.
delimiter            source, join        one character, or "tab" or "space" (runs of blanks), of a text file.
header_row           source, join        line of the file (from 1) that holds the names, or a list of lines whose cells
                                         are joined by a blank (empty cells are left out). Lines above are skipped,
                                         ``skip_rows`` still counts lines below.
layer                source, join        also the sheet of a workbook, and the member of a zip archive.
factor               column              finite number above 0, multiplied with the value after the unit: organic
                                         matter or loss on ignition to organic carbon (0.58, 0.5). A detection limit is
                                         in the unit of the column, so the factor holds for it too.
bd_fine_whole_g_cm3  field (density)     mass of fine earth per volume of the whole soil; SOC density is content times
                                         this, whatever the fragments. With fragments, bd_fine_g_cm3 follows.
horizon              field (text)        designation of the horizon. O* (and L, F, H alone) are organic: of a profile
                                         with mineral horizons below them they lie above the zero, which is the mineral
                                         surface. They are left out of the interval, and counted.
organic_horizons     source              list of patterns (* and ?) that replaces O*, L, F, H.
tc_g_kg, ic_g_kg     fields (content)    total and inorganic carbon; organic carbon, where not mapped or empty, is
                                         their difference.
ph                   field (no unit)     pH in water. With tc_g_kg and no ic_g_kg: inorganic carbon is 0 below 6.5
                                         (said and counted); else organic carbon is missing (counted).
==================== =================== ============================================================================

Longitudes of 0 to 360 are brought to -180 to 180 with a line in the log. Units ``g/100g``, ``dag/kg`` and ``wt%`` are
``pct``. ``soc_stock_0_30_flag`` is ``filled`` where a gap was filled with the mean of the layers that are known.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from cases.files import Content, write
from cases.pending import PENDING

from hybridmap.cli import main

EUROPE = {"crs": "EPSG:3035", "resolution": 10000, "bounds": [2600000, 1380000, 6500000, 5450000]}
STATES = {"crs": "EPSG:5070", "resolution": 10000, "bounds": [-2360000, 260000, 2270000, 3180000]}
WORLD = {"crs": "EPSG:4326", "resolution": 1, "bounds": [-180, -90, 180, 90]}
BUILD = {"top_cm": 0, "bottom_cm": 20, "pedotransfer": "auto", "missing_coarse_fragments": 0, "min_coverage": 0.5}
PLACE = "site_id: id, lon: lon, lat: lat"
DEPTH = "top_cm: {column: top, unit: cm}, bottom_cm: {column: bot, unit: cm}"
OC = "oc_g_kg: {column: oc, unit: g/kg}"
BD = "bd_fine_g_cm3: {column: bd, unit: g/cm3}"
MANRIQUE = {"pedotransfer": "manrique_jones1991"}
"""A function whose constants nobody disputes: 1.660 - 0.318 sqrt(OC in %)."""
SENTENCE = re.compile(r"^hybridmap \w+: .+$")


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    log: str


@dataclass(frozen=True, repr=False)
class Case:
    """One table and what must come of it.

    Attributes
    ----------
    name : str
        Unique within its group.
    table : text, bytes or data frame
        Written to `path`.
    expects : callables
        Each asserts something of the :class:`Run`.
    fields, place, depth : str
        What the region file maps, in YAML.
    source : str
        Further keys of the source, in YAML.
    more : str
        Further sources, one a line, in YAML flow style.
    build, grid : mapping
        Laid over :data:`BUILD` (alone if not `whole_build`); in place of :data:`EUROPE`. ``build=None`` leaves the
        section out.
    files : mapping
        Further files.
    base : paths
        Configuration files below the region file.
    stored : str
        Whole path of a table that lies elsewhere, in place of `path`; its folder is allowed.
    """

    name: str
    table: Content
    expects: tuple[Callable[[Run], None], ...]
    fields: str = OC
    source: str = ""
    more: tuple[str, ...] = ()
    place: str = PLACE
    depth: str = DEPTH
    path: str = "t.csv"
    build: Mapping[str, Any] | None = field(default_factory=dict)
    grid: Mapping[str, Any] = field(default_factory=lambda: EUROPE)
    files: Mapping[str, Content] = field(default_factory=dict)
    base: tuple[Path, ...] = ()
    whole_build: bool = True
    stored: str = ""

    def region(self, folder: Path) -> str:
        """Text of the region file, the "common part H" with the fields of the case."""
        fields = ", ".join(part for part in (self.place, self.depth, self.fields) if part)
        source = f", {self.source}" if self.source else ""
        build = (BUILD if self.whole_build else {}) | dict(self.build or {})
        lines = [
            *("region: t", "title: t", "demo: null", f"data_root: {json.dumps(str(folder))}"),
            *("covariates: []", "forcing: []", "splits: []", "experiments: []", "baselines: []"),
            *([f"outside: [{json.dumps(str(Path(self.stored).parent))}]"] if self.stored else []),
            f"grid: {json.dumps(dict(self.grid))}",
            *([] if self.build is None else [f"build: {json.dumps(build)}"]),
            "observations:",
            f"  - {{name: s, path: {self.stored or self.path}, licence: x, columns: {{{fields}}}{source}}}",
            *(f"  - {entry}" for entry in self.more),
        ]
        return "\n".join(lines) + "\n"

    def names(self) -> list[str]:
        """Names of all sources."""
        return ["s", *(re.findall(r"name: (\w+)", entry)[0] for entry in self.more)]


@dataclass(repr=False)
class Run:
    """A case on disk; commands run when something asks for what they write."""

    case: Case
    folder: Path

    def __post_init__(self) -> None:
        write(self.folder / self.case.path, self.case.table)
        for name, content in self.case.files.items():
            write(self.folder / name, content)
        (self.folder / "region.yaml").write_text(self.case.region(self.folder), encoding="utf-8")

    @cached_property
    def ingested(self) -> list[Ended]:
        """``hybridmap ingest`` of each source, up to the first that fails."""
        commands = []
        for name in self.case.names():
            out = ["--out", self.folder / f"out/{name}.parquet", "--quality", self.folder / f"out/{name}.csv"]
            commands.append(self.command("ingest", "--source", name, *out))
            if commands[-1].exit_code:
                break
        return commands

    @cached_property
    def built(self) -> Ended:
        """``hybridmap build`` of all sources."""
        tables = [self.folder / f"out/{name}.parquet" for name in self.case.names()]
        names = {"out": "sites.parquet", "quality": "b.csv", "dropped": "d.parquet"}
        out = [part for key, name in names.items() for part in (f"--{key}", self.folder / "out" / name)]
        return self.command("build", "--observations", *tables, *out)

    @cached_property
    def checked(self) -> Ended:
        """``hybridmap check``."""
        return self.command("check")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """What ``ingest`` wrote."""
        assert [command.exit_code for command in self.ingested] == [0] * len(self.case.names()), self.log
        return pd.concat([pd.read_parquet(self.folder / f"out/{name}.parquet") for name in self.case.names()])

    @cached_property
    def sites(self) -> pd.DataFrame:
        """What ``build`` wrote."""
        assert len(self.layers) >= 0
        assert self.built.exit_code == 0, self.log
        return pd.read_parquet(self.folder / "out/sites.parquet")

    @cached_property
    def quality(self) -> pd.DataFrame:
        """Counted drops of both stages."""
        assert len(self.sites) >= 0
        paths = [self.folder / f"out/{name}.csv" for name in (*self.case.names(), "b")]
        return pd.concat([pd.read_csv(path, keep_default_na=False) for path in paths], ignore_index=True)

    @property
    def log(self) -> str:
        """Messages of all commands that ran."""
        built = self.__dict__.get("built")
        return "".join(command.log for command in (*self.ingested, *([built] if built else [])))

    def command(self, verb: str, *arguments: object) -> Ended:
        """Run one verb in this process; an exception that is no refusal goes on as the failure of the test."""
        log = self.folder / f"{verb}.log"
        words = [verb, *self.case.base, self.folder / "region.yaml", *arguments, "--log", log]
        handlers = list(logging.root.handlers)
        try:
            exit_code = main([str(word) for word in words])
        finally:
            for handler in logging.root.handlers:
                handler.close()
            logging.root.handlers[:] = handlers
            logging.captureWarnings(False)
        return Ended(exit_code, log.read_text(encoding="utf-8"))


Expectation = Callable[[Run], None]


def layers(**columns: Mapping[str, Any]) -> Expectation:
    """Values of the layers of sites, as ``oc_g_kg={"A": 20.0, "B": None, "C": [1.0, 2.0]}``, in order of depth."""
    return lambda run: _compare(run.layers, columns)


def sites(**columns: Mapping[str, Any]) -> Expectation:
    """Values of built sites; None where missing, or where the site is not there."""
    return lambda run: _compare(run.sites, columns)


def _compare(table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]]) -> None:
    table = table.sort_values(["site_id", "year", "top_cm"])
    names = table["site_id"].str.replace(r"^\w+:", "", regex=True)
    for column, by_site in columns.items():
        for site, wanted_values in by_site.items():
            values = table.loc[names == site, column].tolist()
            _check_values(values, wanted_values, f"{column} of {site}")


def _check_values(values: list[Any], expected: Any, label: str) -> None:
    if expected is None:
        assert all(pd.isna(value) or value == "" for value in values), f"{label}: {values}, expected no value"
        return
    listed = expected if isinstance(expected, list) else [expected]
    assert len(values) == len(listed), f"{label}: {values}, expected {listed}"
    for value, number in zip(values, listed, strict=True):
        if isinstance(number, str):
            assert value == number, label
        elif number is None:
            assert pd.isna(value), label
        else:
            assert value == pytest.approx(number, rel=2e-3), f"{label}: {value}, expected {number}"


def refuses(*words: str, at_ingest: bool = False) -> Expectation:
    """One sentence, exit 1, from ingest (or build), that has all `words` (patterns); nothing is written."""

    def expectation(run: Run) -> None:
        command = run.ingested[-1]
        if not command.exit_code and not at_ingest:
            command = run.built
        elif command.exit_code:
            assert _told(run.checked.log, command.log), f"check does not say what ingest refuses: {run.checked.log}"
        assert command.exit_code == 1, f"not refused: {run.log}"
        assert not (run.folder / "out/sites.parquet").exists(), "a refusal left its output"
        sentence = command.log.strip().splitlines()[-1]
        assert SENTENCE.match(sentence), command.log
        assert "Traceback" not in command.log
        assert "unknown key" not in sentence
        for word in words:
            assert re.search(word, sentence, re.IGNORECASE), f"'{word}' is not said: {sentence}"

    return expectation


def _told(checked: str, refused: str) -> bool:
    """Whether ``check`` says what another command was refused for; file, column and the first words will do."""
    return refused.strip().splitlines()[-1].split(": ", 1)[1][:80] in checked


def counts(word: str, number: int, rows_before: int | None = None) -> Expectation:
    """A line of ``quality.csv`` whose rule, reason or unit has `word` and that dropped `number`."""

    def expectation(run: Run) -> None:
        lines = run.quality
        text = lines["rule"] + " " + lines["reason"] + " " + lines["unit"]
        hits = lines[text.str.contains(word, case=False, regex=True) & (lines["dropped"] == number)]
        if rows_before is not None:
            hits = hits[hits["before"] == rows_before]
        assert len(hits), f"no line '{word}' that counts {number}:\n{lines.to_string()}"

    return expectation


def says(*words: str) -> Expectation:
    """The log, or a reason in ``quality.csv``, has all `words` (patterns)."""

    def expectation(run: Run) -> None:
        text = f"{' '.join(run.quality['reason'])} {run.log}"
        for word in words:
            assert re.search(word, text, re.IGNORECASE), f"'{word}' is not said: {text}"

    return expectation


def silent_about(*words: str) -> Expectation:
    """The log has none of `words`."""

    def expectation(run: Run) -> None:
        text = f"{' '.join(run.quality['reason'])} {run.log}"
        for word in words:
            assert not re.search(word, text, re.IGNORECASE), f"'{word}' is said: {text}"

    return expectation


def all_of(*expectations: Expectation) -> Expectation:
    """All of them."""

    def expectation(run: Run) -> None:
        for each_of in expectations:
            each_of(run)

    return expectation


def either(*expectations: Expectation) -> Expectation:
    """One of them at least; for cases where the issue leaves a choice, but not that of silence."""

    def expectation(run: Run) -> None:
        faults = []
        for alternative in expectations:
            try:
                return alternative(run)
            except AssertionError as error:
                faults.append(str(error).splitlines()[0])
        raise AssertionError("; nor: ".join(faults))

    return expectation


def parametrised(group: str, cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Parameters of one test a group; those of :data:`PENDING` are expected to fail."""
    marks = {True: [pytest.mark.xfail(strict=True, reason="issue 16")], False: []}
    names = [f"{group}-{case.name}" for case in cases]
    assert len(set(names)) == len(names), f"two cases of one name in {group}"
    stale = {name for name in PENDING if name.startswith(f"{group}-")} - set(names)
    assert not stale, f"pending, but no case: {sorted(stale)}"
    parameters = [
        pytest.param(case, id=name, marks=marks[name in PENDING]) for name, case in zip(names, cases, strict=True)
    ]
    return pytest.mark.parametrize("case", parameters)


def holds(case: Case, folder: Path) -> None:
    """Run a case and hold what it expects."""
    run = Run(case, folder)
    for expectation in case.expects:
        expectation(run)
