"""A page of documentation for each data set that is known by name, written from its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hybridmap.files.tables import write_text
from hybridmap.observations.formats.registry import Format, families, format_names, read_format


def write_format_pages(folder: Path) -> None:
    """Write a page for each known format, and their list ``README.md``, into `folder`."""
    for name in format_names():
        write_text(format_page(name), folder / f"{name}.md")
    rows = [f"| [{name}]({name}.md) | {read_format(name).title} |" for name in format_names()]
    family_lines = "".join(
        f"`format: {family}` finds out which of {', '.join(names)} a folder holds.\n"
        for family, names in families().items()
    )
    text = f"""# Data sets known by name

`format: NAME` in a region file stands for the whole column map of a published table; keys of your own are laid over it.
`hybridmap formats NAME` prints its page, `hybridmap check` reads the files and names what is wrong, with the row.
{family_lines}
| format | data set |
|---|---|
"""
    write_text(text + "\n".join(rows) + "\n", folder / "README.md")


def format_page(name: str) -> str:
    """What is known about a format, as Markdown."""
    published = read_format(name)
    paragraphs = [
        f"# {published.title}\n",
        f"**Where to get it.** {published.obtain}\n",
        f"**Licence**: {published.licence}. **Cite**: {published.citation}.\n",
        "```yaml\n" + _example(name, published) + "```\n",
        "\n".join(f"* {note}" for note in published.notes) + "\n",
        *_unmapped_fields(published),
        *_column_table(published),
        *_joins(published),
        *_filters(published),
    ]
    return "\n".join(paragraphs) + "\n"


def _unmapped_fields(published: Format) -> list[str]:
    if not published.needs:
        return []
    lines = [f"* `{field}`: {reason}" for field, reason in published.needs.items()]
    return ["Fields that you map yourself:\n\n" + "\n".join(lines) + "\n"]


def _column_table(published: Format) -> list[str]:
    columns = {**(published.source or published.join).get("columns", {}), **published.optional}
    lines = ["| field | read from | unit |\n|---|---|---|"]
    for overlay in published.source.get("layers") or [{}]:
        for field, column in {**columns, **overlay}.items():
            keys = {"column": column} if isinstance(column, str) else column
            lines.append(f"| `{field}` | {_read_from(keys)} | {keys.get('unit', '')} |")
    return lines


def _joins(published: Format) -> list[str]:
    files = dict.fromkeys(f"`{join['path']}`" for join in published.source.get("joins", []))
    return ["\nJoined from the same folder: " + ", ".join(files) + "."] if files else []


def _filters(published: Format) -> list[str]:
    return [
        f"\n{words} `{column}` one of {', '.join(f'`{value}`' for value in values)}."
        for key, words in (("where", "Only rows with"), ("exclude", "Without rows with"))
        for column, values in published.source.get(key, {}).items()
    ]


def _read_from(column: dict[str, Any]) -> str:
    if "value" in column:
        return f"always {column['value']}"
    words = [f"`{column['column']}`", *(f"else `{name}`" for name in column.get("otherwise", []))]
    if "minus" in column:
        factor = column.get("minus_factor", 1)
        words.append(f"less {'' if factor == 1 else f'{factor} × '}`{column['minus']}`")
    words += [f"with `{name}`" for name in column.get("also", [])]
    if "pick" in column:
        words.append(f"({column['pick']} number)")
    return " ".join(words)


def _example(name: str, published: Format) -> str:
    if published.join:
        join: dict[str, Any] = {"joins": [{"path": "FILE.csv", "format": name}]}
        return yaml.safe_dump(join, sort_keys=False)
    family = published.family or name
    entry = {"name": family, "format": family, "path": "FOLDER", **published.example}
    return yaml.safe_dump({"observations": [entry]}, sort_keys=False)
