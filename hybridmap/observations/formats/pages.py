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
    named = "".join(
        f"`format: {family}` finds out which of {', '.join(names)} a folder holds.\n"
        for family, names in families().items()
    )
    text = f"""# Data sets known by name

`format: NAME` in a region file stands for the whole column map of a published table; keys of your own are laid over it.
`hybridmap formats NAME` prints its page, `hybridmap check` reads the files and names what is wrong, with the row.
{named}
| format | data set |
|---|---|
"""
    write_text(text + "\n".join(rows) + "\n", folder / "README.md")


def format_page(name: str) -> str:
    """What is known about a format, as Markdown."""
    known = read_format(name)
    parts = [f"# {known.title}\n", f"**Where to get it.** {known.obtain}\n"]
    parts.append(f"**Licence**: {known.licence}. **Cite**: {known.citation}.\n")
    parts.append("```yaml\n" + _example(name, known) + "```\n")
    parts.append("\n".join(f"* {note}" for note in known.notes) + "\n")
    if known.needs:
        parts.append(
            "Fields that you map yourself:\n\n" + "\n".join(f"* `{f}`: {why}" for f, why in known.needs.items()) + "\n"
        )
    columns = known.source.get("columns") or known.join.get("columns") or {}
    overlays = known.source.get("layers") or [{}]
    parts.append("| field | read from | unit |\n|---|---|---|")
    for overlay in overlays:
        for field, column in {**columns, **overlay}.items():
            told = {"column": column} if isinstance(column, str) else column
            parts.append(f"| `{field}` | {_read_from(told)} | {told.get('unit', '')} |")
    joins = known.source.get("joins", [])
    if joins:
        parts.append(
            "\nJoined from the same folder: " + ", ".join(dict.fromkeys(f"`{j['path']}`" for j in joins)) + "."
        )
    for key, word in (("where", "Only rows with"), ("exclude", "Without rows with")):
        for column, values in known.source.get(key, {}).items():
            parts.append(f"\n{word} `{column}` one of {', '.join(f'`{v}`' for v in values)}.")
    return "\n".join(parts) + "\n"


def _read_from(column: dict[str, Any]) -> str:
    if "value" in column:
        return f"always {column['value']}"
    words = [f"`{column['column']}`", *(f"else `{c}`" for c in column.get("otherwise", []))]
    if "minus" in column:
        factor = column.get("minus_factor", 1)
        words.append(f"less {'' if factor == 1 else f'{factor} × '}`{column['minus']}`")
    words += [f"with `{c}`" for c in column.get("also", [])]
    if "pick" in column:
        words.append(f"({column['pick']} number)")
    return " ".join(words)


def _example(name: str, known: Format) -> str:
    if known.join:
        joined: dict[str, Any] = {"joins": [{"path": "FILE.csv", "format": name}]}
        return yaml.safe_dump(joined, sort_keys=False)
    family = known.family or name
    entry = {"name": family, "format": family, "path": "FOLDER", **known.example}
    return yaml.safe_dump({"observations": [entry]}, sort_keys=False)
