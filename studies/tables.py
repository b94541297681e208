"""Running a row of a study into a file, and all files into the tables of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

from hybridmap.errors import HybridmapError, nearest
from studies import Scores, Study, studies

Entry = TypeVar("Entry")
RowScores = Mapping[str, Sequence[Scores]]
"""Row → scores of each seed."""


def run_row(name: str, row: str, seeds: Sequence[int], out: Path) -> None:
    """Run one row of a study and write the scores as JSON, one object a seed.

    Parameters
    ----------
    name, row : str
        Study and its row.
    seeds : sequence of int
        One result each.
    out : Path
        File to write.

    Raises
    ------
    HybridmapError
        If there is no such study or row.
    """
    study = _entry(studies(), name, "study")
    _entry(study.rows, row, f"row of study '{name}'")
    scores = study.run(row, seeds)
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"study": name, "row": row, "seeds": list(seeds), "scores": scores}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def write_tables(files: Iterable[Path], out: Path) -> None:
    """Write one Markdown table a study: mean and standard deviation over the seeds, published numbers in brackets."""
    records: dict[str, dict[str, Any]] = {}
    for file in files:
        record = json.loads(file.read_text(encoding="utf-8"))
        records.setdefault(record["study"], {})[record["row"]] = record["scores"]
    tables = [_table(study, records[name]) for name, study in studies().items() if name in records]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(tables), encoding="utf-8")


def _table(study: Study, scores: RowScores) -> str:
    lines = [f"## {study.title}", "", f"Published: {study.source}. {study.note}", ""]
    lines += ["| | " + " | ".join(study.scores.values()) + " |", "|---" * (len(study.scores) + 1) + "|"]
    for name, row in study.rows.items():
        if name in scores:
            cells = [_cell([s[k] for s in scores[name] if k in s], row.published.get(k)) for k in study.scores]
            lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    if study.per_parameter:
        lines += ["", *_parameter_table(study, scores)]
    return "\n".join([*lines, ""])


def _parameter_table(study: Study, scores: RowScores) -> list[str]:
    """Second table: one line a parameter, one column a row of the study."""
    prefix = study.per_parameter
    rows = [name for name in study.rows if name in scores]
    names = [key.removeprefix(prefix) for key in scores[rows[0]][0] if key.startswith(prefix)]
    head = f"| {prefix.rstrip('.')} of | " + " | ".join(study.rows[name].title for name in rows) + " |"
    cells = {n: [_cell([s[prefix + n] for s in scores[r] if prefix + n in s], None) for r in rows] for n in names}
    return [head, "|---" * (len(rows) + 1) + "|", *(f"| `{n}` | " + " | ".join(c) + " |" for n, c in cells.items())]


def _cell(values: list[float], published: float | None) -> str:
    if not values:
        return "–" if published is None else f"– ({published:.3f})"
    digits = 1 if max(abs(v) for v in values) >= 10 else 3
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}" + ("" if published is None else f" ({published:.3f})")


def _entry(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    if name not in table:
        raise HybridmapError(f"no {kind} '{name}'{nearest(name, table) or f'; there are {sorted(table)}'}.")
    return table[name]
