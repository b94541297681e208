"""The configuration reference as Markdown, written from the typed configuration itself."""

from __future__ import annotations

import json
from typing import Any

from hybridmap.config.region import Config

INTRODUCTION = """# Configuration

One YAML file describes a region. `config.yaml` is the embedded default; a file of your own is laid over it
(`snakemake --configfile my_region.yaml`, or `hybridmap VERB config.yaml my_region.yaml`): mappings are merged, lists
and values are replaced. An unknown key is an error that names the nearest known one. `hybridmap check config.yaml
my_region.yaml` finds every mistake before anything runs. Paths start from `data_root`; `${VARIABLE:-default}` is
expanded.

This page is written by `hybridmap schema --markdown`.
"""
TYPE_WORDS = {"null": "null", "number": "number", "integer": "integer", "string": "text", "boolean": "true or false"}


def markdown() -> str:
    """The reference page: one table a section, in the order in which sections are first used."""
    schema = Config.model_json_schema(by_alias=True)
    lines = [INTRODUCTION, "## The region\n", *_table(schema)]
    for name, section in schema["$defs"].items():
        summary = section.get("description", "").split("\n\n")[0].replace("\n", " ")
        lines += [f"## {_words(name)}\n", summary + "\n", *_table(section)]
    return "\n".join(lines)


def _table(section: dict[str, Any]) -> list[str]:
    """Lines of the table of one section: a row a key."""
    lines = ["| key | type | default | what |\n|---|---|---|---|"]
    required = set(section.get("required", ()))
    for key, field in section["properties"].items():
        default = "required" if key in required else _default(field.get("default"))
        description = field.get("description", "").replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(field)} | {default} | {description} |")
    return [*lines, ""]


def _words(name: str) -> str:
    name = name.removesuffix("Options")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip().capitalize()


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, dict):
        return "see its section"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(field: dict[str, Any]) -> str:
    """Type of a field in words, linked where it is a section."""
    if "$ref" in field:
        name = _words(field["$ref"].rsplit("/", 1)[-1])
        return f"[{name}](#{name.lower().replace(' ', '-')})"
    if alternatives := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(_type(option) for option in alternatives)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items') or field.get('prefixItems', [{}])[0])}"
    if field.get("type") == "object":
        values = field.get("additionalProperties")
        return f"mapping of {_type(values)}" if isinstance(values, dict) else "mapping"
    return TYPE_WORDS.get(str(field.get("type")), "any")
