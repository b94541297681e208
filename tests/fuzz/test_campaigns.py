"""Campaigns know what is right: their sound input passes, and their comparisons see small changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fuzz import config, rasters, tables
from fuzz.comparison import difference
from fuzz.damage import DAMAGES, damage
from fuzz.execution import Executor
from fuzz.runner import run_attempt


@pytest.fixture(scope="module")
def executor() -> Executor:
    with Executor() as executor:
        yield executor


@pytest.mark.parametrize("campaign", [config, tables, rasters], ids=["config", "tables", "rasters"])
def test_sound_input_is_clean(tmp_path: Path, executor: Executor, campaign: object) -> None:
    propose = campaign.prepare(tmp_path, executor)  # type: ignore[attr-defined]
    (tmp_path / "0").mkdir()
    attempt = propose(np.random.default_rng(0), 0, tmp_path / "0")
    outcome, endings = run_attempt(attempt, tmp_path / "0", 60.0, executor)
    assert outcome.name == "clean", endings[-1].messages


def test_a_wrong_site_is_seen(tmp_path: Path) -> None:
    truth = tables.sound_case(np.random.default_rng(0)).truth
    sites = pd.DataFrame({"site_id": "s:" + truth.index, "bd_source": "measured", "cf_source": "measured"})
    sites["soc_density_kg_m3"] = (truth["oc"] * truth["bd"] * (1 - truth["stones"] / 100)).to_numpy()
    sites["clay_pct"] = truth["clay"].to_numpy()
    sites.to_parquet(tmp_path / "sites.parquet")
    assert tables.wrong_sites(tmp_path, truth) == ""
    sites.loc[3, "soc_density_kg_m3"] *= 1.001
    sites.to_parquet(tmp_path / "sites.parquet")
    assert tables.wrong_sites(tmp_path, truth).startswith("carbon differs: s:P03")
    sites.drop(3).to_parquet(tmp_path / "sites.parquet")
    assert tables.wrong_sites(tmp_path, truth) == "lost sites: 1 of 24"
    assert tables.wrong_sites(tmp_path, truth.assign(clay=np.nan)).startswith("lost sites")


def test_every_mutation_makes_a_file() -> None:
    base = {**yaml.safe_load((config.CHECKOUT / "config.yaml").read_text()), **config.REGION}
    base["build"] = base.get("build", {}) | config.BUILD
    for number, mutation in enumerate(config.MUTATIONS):
        title, content, _ = mutation(np.random.default_rng(number), yaml.safe_load(yaml.safe_dump(base)))
        assert title
        assert isinstance(content, bytes)


@pytest.mark.parametrize("title", sorted(set(DAMAGES)))
def test_damage_is_a_difference(tmp_path: Path, title: str) -> None:
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(tmp_path / "sound.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "sound.parquet").read_bytes())
    assert difference(tmp_path / "sound.parquet", tmp_path / "a.parquet") == ""
    damage(np.random.default_rng(0), tmp_path, "a.parquet", title)
    assert title in ("neighbour", "bit flipped") or difference(tmp_path / "sound.parquet", tmp_path / "a.parquet")


def test_a_digest_of_inputs_is_no_difference(tmp_path: Path) -> None:
    texts = ['{"attributes": {"model_fingerprint": "a", "title": "t"}}', '{"attributes": {"title": "t"}}']
    other = '{"attributes": {"model_fingerprint": "b", "title": "u"}}'
    for name, text in zip("abc", [*texts, other], strict=True):
        (tmp_path / f"{name}.json").write_text(text)
    assert difference(tmp_path / "a.json", tmp_path / "b.json") == ""
    assert difference(tmp_path / "a.json", tmp_path / "c.json") == "differs"
