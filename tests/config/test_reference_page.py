"""Schema and reference page are written from the configuration."""

import json

from conftest import ROOT

from hybridmap.config import Config
from hybridmap.config.reference_page import markdown


def test_the_schema_in_the_repository_is_current() -> None:
    stored = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert stored == Config.model_json_schema(), "run: hybridmap schema > workflow/schemas/config.schema.json"


def test_the_reference_page_is_current_and_says_what_every_key_does() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    assert page == markdown(), "run: hybridmap schema --markdown > docs/configuration.md"
    assert not [line for line in page.splitlines() if line.endswith("|  |")]
    schema = Config.model_json_schema()
    keys = set(schema["properties"]) | {k for d in schema["$defs"].values() for k in d["properties"]}
    assert not [k for k in sorted(keys) if f"`{k}`" not in page]
