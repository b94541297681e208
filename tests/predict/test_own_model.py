"""Maps of a user's own model follow what it declares, whatever its outputs and options are called."""

from pathlib import Path

import pytest
import torch
from map_recipes import recipe_of
from trainings import train_experiment

from hybridmap.config import Change, Config
from hybridmap.errors import HybridmapError
from hybridmap.predict.map_layers import model_maps
from hybridmap.predict.member_means import member_means
from hybridmap.predict.predictor import Predictor
from hybridmap.train import load_model

OWN = """
from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs


class Own(ProcessModel):
    name = "own"
    parameters = (Parameter("k", 0.02, 0.001, 0.2, "yr-1", "decay", "log"),)
    forcing = (Variable("npp", ("site",), "g m-2 yr-1", "input", valid_range=(0, 4000)),)
    outputs = (
        Variable("soc", ("site",), "kg m-3", "carbon", mapped=False),
        Variable("respiration", ("site",), "kg m-3 yr-1", "one loss"),
        Variable("leaching", ("site",), "kg m-3 yr-1", "the other loss"),
        Variable("extinct", ("site",), "1", "kind of site", classes={0: "none", 1: "some", 2: "all"}),
        Variable("is_fed", ("site",), "1", "whether there is input", needs_steady_state=False),
        Variable("inner", ("site",), "1", "of no interest", mapped=False),
    )
    DECLARED

    def __init__(self, formulation="plain"):
        self.formulation = formulation

    def __call__(self, parameters, forcing):
        p, f, dtype = gather_inputs(self, parameters, forcing)
        soc = f["npp"] * 5e-3 / p["k"]
        out = {"soc": soc, "respiration": 0.75 * p["k"] * soc, "leaching": 0.25 * p["k"] * soc, "inner": soc * 0}
        out |= {"extinct": soc * 0 + 2, "is_fed": (f["npp"] > 400).to(soc)}
        return {name: value.to(dtype) for name, value in out.items()}
"""


def trained_own(region: tuple[Config, Path], folder: Path, declared: str = "", **changes: object) -> Predictor:
    config, data = region
    file = folder / "own.py"
    file.write_text(OWN.replace("DECLARED", declared))
    raw = config.model_dump(mode="json", by_alias=True)
    process = {"name": str(file), "options": {"formulation": "relaxed"}}
    own = {**raw["experiments"][2], "name": "own", "process": process, "neural": ["k"], "global": "none", "fixed": {}}
    own |= {"targets": ["soc"], "uncertainty": {"method": "ensemble", "members": 2}}
    own["training"] = {**own["training"], "max_epochs": 2, "patience": 2}
    own["loss"] = {"name": "mse"}
    raw["experiments"] = [own]
    config = Config.model_validate(raw)
    train_experiment(config, "own", ["all"], data / "samples.parquet", data / "splits.parquet", folder)
    block = config.predict.model_copy(update={"intervals": "none", "applicability": False, **changes})
    config = config.model_copy(update={"predict": block})
    return Predictor(recipe_of(config, "own", folder / "all/model"))


def mapped(predictor: Predictor) -> dict[str, torch.Tensor]:
    covariates = torch.zeros(2, len(predictor.model.covariate_names))
    return predictor(covariates, {"npp": torch.tensor([300.0, 600.0])})


def test_outputs_of_any_name_are_mapped_and_options_of_any_name_run(
    small_region: tuple[Config, Path], tmp_path: Path
) -> None:
    predictor = trained_own(small_region, tmp_path)
    maps = mapped(predictor)
    assert {"soc", "respiration", "leaching", "extinct", "is_fed", "k"} <= set(maps)  # a target is always mapped
    assert not {"inner", "turnover_time"} & set(maps)
    torch.testing.assert_close(maps["respiration"] + maps["leaching"], torch.tensor([1.5, 3.0]), rtol=1e-5, atol=0)
    assert predictor.layers["extinct"].codes == {0: "none", 1: "some", 2: "all"}
    assert maps["extinct"].tolist() == [2.0, 2.0]


def test_a_declared_steady_state_masks_what_needs_it(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    declared = 'steady_state = "is_fed"; losses = ("respiration", "leaching")'
    dry = {"dry": {"npp": Change(multiply=0.5)}}
    maps = mapped(trained_own(small_region, tmp_path, declared, scenarios=dry))
    for name in ("soc", "respiration", "turnover_time"):
        assert maps[name].isnan().tolist() == [True, False]
    assert maps["is_fed"].tolist() == [0.0, 1.0]
    assert maps["soc_change_dry"].isnan().all()  # half of 600 feeds no one
    torch.testing.assert_close(maps["turnover_time"][1], maps["soc"][1] / 3.0, rtol=1e-5, atol=0)


def test_a_loss_in_another_unit_makes_no_turnover_time(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match="own: the loss 'is_fed' is in 1, expected kg m-3 yr-1"):
        trained_own(small_region, tmp_path, 'losses = ("is_fed",)')


def test_members_agree_on_classes(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    model = trained_own(small_region, tmp_path, 'steady_state = "is_fed"').model
    draws = [(0.0, 1.0), (2.0, 1.0), (2.0, torch.nan)]
    members = [{"extinct": torch.tensor(d), "is_fed": torch.tensor([1.0, float(i)])} for i, d in enumerate(draws)]
    means = member_means(members, model)
    assert means["extinct"][0] == 2.0
    assert means["extinct"][1].isnan()
    assert means["is_fed"].tolist() == [1.0, 0.0]


def test_maps_of_the_five_pools_stay(trained: Path) -> None:
    maps = model_maps(load_model(trained / "some_neural_relaxed/all/model"))
    assert not {"extinct", "respiration", "leaching"} & set(maps)
    always = {name for name, (_, layer) in maps.items() if layer.portrayal.group == "diagnostic"}
    assert always == {"moc_saturation", "margin_uptake", "margin_poc", "feasible"}
    assert not any(maps[name].layer.needs_steady_state for name in always)
    assert maps["feasible"].layer.codes == {0: "no steady state", 1: "steady state"}
    assert maps["moc_saturation"].layer.portrayal.label == "MOC / Qmax"
