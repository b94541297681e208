"""Published data sets that need no column map: each is one YAML file of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from hybridmap.config import Column, Join, ObservationSource, Section, merge
from hybridmap.errors import HybridmapError, nearest
from hybridmap.observations.tables.source_table import SourceTable, TableOptions, open_table

FOLDER = Path(__file__).parent


class Format(Section):
    """What is known about a published table."""

    title: str = Field(description="Name of the data set.")
    family: str = Field("", description="Formats of one family are told apart by their files and headers.")
    obtain: str = Field(description="Where users get it and where they put it.")
    licence: str = Field("", description="Licence of the rows.")
    citation: str = Field("", description="What to cite.")
    file: str = Field("", description="Name of the main table in its folder; * stands for any letters.")
    header: list[str] = Field(default=[], description="Columns that the main table must have.")
    aliases: dict[str, list[str]] = Field(default={}, description="Column → other spellings of it.")
    refuse: dict[str, str] = Field(default={}, description="Column that only another table has → what that one is.")
    optional: dict[str, str] = Field(default={}, description="Field → column that only some editions have.")
    needs: dict[str, str] = Field(default={}, description="Field that the user must map → why.")
    notes: list[str] = Field(default=[], description="What a user should know.")
    example: dict[str, Any] = Field(default={}, description="Further keys to show in the documentation.")
    source: dict[str, Any] = Field(default={}, description="Keys of an observation source.")
    join: dict[str, Any] = Field(default={}, description="Keys of a join, for tables that only add columns.")


def format_names() -> list[str]:
    """Names of all known formats."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def read_format(name: str) -> Format:
    """The format called `name`; HybridmapError if there is none."""
    if name not in format_names():
        choices = sorted({*format_names(), *families()})
        raise HybridmapError(f"no format '{name}'{nearest(name, choices)}; there are {choices}.")
    return Format.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


@cache
def families() -> dict[str, list[str]]:
    """Family → its formats, the latest first."""
    members: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("*.yaml"), reverse=True):
        family = str(yaml.safe_load(path.read_text(encoding="utf-8")).get("family", ""))
        if family:
            members.setdefault(family, []).append(path.stem)
    return members


def resolve_source(source: ObservationSource, path: Path) -> tuple[ObservationSource, Format | None, Path]:
    """Lay a source over the format that it names.

    Parameters
    ----------
    source : ObservationSource
        As the region file has it.
    path : Path
        Its file, or the folder of a known format.

    Returns
    -------
    source : ObservationSource
        Complete: columns, joins, filters.
    format : Format or None
        None for an ordinary table.
    path : Path
        The main table.

    Raises
    ------
    HybridmapError
        If the format is unknown or only adds columns, its files are not there, the table is another one, or a field
        that the format leaves to the user is not mapped.
    """
    if source.format is None:
        return source, None, path
    name = _family_member(source.format, path) if source.format in families() else source.format
    published = read_format(name)
    if not published.source:
        raise HybridmapError(
            f"source '{source.name}': '{name}' has no coordinates of its own; name it under 'joins' of another source."
        )
    path = _main_table(published, name, path)
    for field, reason in published.needs.items():
        if field not in source.columns:
            raise HybridmapError(
                f"source '{source.name}': map '{field}' under 'columns', because {reason}; the format {name} leaves it"
                " to you."
            )
    return _laid_over(source, published, path.parent), published, path


def with_optional_columns(
    source: ObservationSource, published: Format | None, columns: Sequence[str]
) -> ObservationSource:
    """Map the columns that only some editions of a published table have.

    Parameters
    ----------
    source : ObservationSource
        Laid over its format.
    published : Format or None
        The format.
    columns : sequence of str
        Of the table.

    Returns
    -------
    ObservationSource
        What the user maps stays.
    """
    optional = published.optional if published else {}
    optional_map = {field: Column(column=name) for field, name in optional.items() if name in columns}
    return source.model_copy(update={"columns": {**optional_map, **source.columns}})


def resolve_join(join: Join) -> tuple[Join, Format | None]:
    """Lay a join over the format that it names; HybridmapError if the format cannot be joined."""
    if join.format is None:
        return join, None
    published = read_format(join.format)
    if not published.join:
        raise HybridmapError(f"join '{join.path}': '{join.format}' is a source of its own, not a table to join.")
    return Join.model_validate(merge(published.join, join.model_dump(exclude_defaults=True))), published


def open_as_format(path: Path, section: ObservationSource | Join, published: Format | None) -> SourceTable:
    """Open the table of a source or join, and check that it is the one that its format says.

    Parameters
    ----------
    path : Path
        The table.
    section : ObservationSource or Join
        Encoding and the like.
    published : Format or None
        None for an ordinary table.

    Returns
    -------
    SourceTable

    Raises
    ------
    HybridmapError
        If the table is missing or damaged, or another one than the format says.
    """
    options = TableOptions(
        encoding=section.encoding,
        skip_rows=section.skip_rows,
        delimiter=section.delimiter,
        header_row=section.header_row,
        layer=section.layer,
        matrix_columns=section.variable_columns,
        aliases=published.aliases if published else {},
    )
    table = open_table(path, options)
    if published is not None:
        for column, description in published.refuse.items():
            if column in table.columns:
                raise HybridmapError(f"{path}: has the column '{column}', so it {description}, not {section.format}.")
        table.require(published.header, f"of the format {section.format}")
    return table


def _laid_over(source: ObservationSource, published: Format, folder: Path) -> ObservationSource:
    """The keys of a user over those of a format."""
    user_keys = source.model_dump(exclude_defaults=True)
    user_joins = user_keys.pop("joins", [])
    defaults = {"licence": published.licence, "citation": published.citation}
    keys = merge({**defaults, **published.source}, user_keys)
    keys["joins"] = _joins(published.source.get("joins", []), user_joins, folder)
    return ObservationSource.model_validate(keys)


def _joins(format_joins: list[dict[str, Any]], user_joins: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Joins of a format, beside its main table or where the user has a file of that name; then those of the user."""
    by_file = {Path(join["path"]).name: join for join in user_joins if "path" in join}
    joins = []
    for join in format_joins:
        moved = by_file.get(Path(join["path"]).name)
        joins.append(merge(join, moved) if moved else {**join, "path": str(folder / join["path"])})
    names = {Path(join["path"]).name for join in format_joins}
    return [*joins, *(join for join in user_joins if Path(join.get("path", "")).name not in names)]


def _main_table(published: Format, name: str, path: Path) -> Path:
    if not path.exists():
        raise HybridmapError(f"{path}: not there, the {name} table or its folder; {_sentence(published.obtain)}")
    if not path.is_dir():
        return path
    tables = sorted(path.rglob(published.file)) if published.file else []
    if not tables:
        advice = _sentence(published.obtain)
        raise HybridmapError(f"{path}: no file {published.file or ''} of the format {name} there; {advice}")
    return tables[0]


def _family_member(family: str, path: Path) -> str:
    """The format of a family that a file or folder has: by its file names, then by its header."""
    names = families()[family]
    for name in names:
        published = read_format(name)
        if path.is_dir():
            if any(path.rglob(published.file)):
                return name
        elif path.is_file():
            table = open_table(path, TableOptions(aliases=published.aliases))
            if set(published.header) <= set(table.columns):
                return name
    files = [read_format(name).file for name in names]
    raise HybridmapError(f"{path}: none of the {family} formats {names}; expected a folder with one of {files}.")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
