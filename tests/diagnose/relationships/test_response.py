"""A model as a function of what can be moved: classes, layers of several depths, ensembles."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from small_models import SPEC, column_model, model_of

from hybridmap.diagnose.relationships.learned import _effect, _members
from hybridmap.diagnose.relationships.response import Response, inputs_of
from hybridmap.model.members import stack
from hybridmap.train import load_model


def table(n: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": random.normal(size=n),
            "b": random.choice([11.0, 42.0], size=n),
            "npp": random.uniform(300, 600, n),
            "mat": random.uniform(5, 12, n),
        }
    )


def test_classes_and_forcing_are_told_apart() -> None:
    model = model_of(SPEC | {"categorical": {"b": [11.0, 42.0]}})
    inputs, notes = inputs_of(model, table())
    assert {i.name: i.kind for i in inputs} == {"a": "covariate", "b": "class", "npp": "forcing", "mat": "forcing"}
    assert notes == []
    response = Response(model, table(), inputs)
    effect = _effect(response, response.start, 1, inputs[1])
    assert effect.points.tolist() == [11, 42]


def test_response_is_the_model_where_nothing_is_moved_and_follows_what_is() -> None:
    model = model_of().eval()
    inputs, _ = inputs_of(model, table())
    response = Response(model, table(), inputs)
    outputs = model.predict(table())
    assert response.outputs == ["parameter.cue", "parameter.q_max", "soc", "moc", "mbc"]
    np.testing.assert_allclose(response(response.start)[:, 2], outputs["soc"], rtol=1e-6)
    moved = response.start
    moved[:, [i.name for i in inputs].index("npp")] *= 2
    np.testing.assert_allclose(response(moved)[:, 3], model.predict(table().assign(npp=2 * table()["npp"]))["moc"])


def test_depth_stays_that_of_the_site(tmp_path: Path) -> None:
    model = load_model(column_model(tmp_path), trust=True)
    sites = table().assign(layer_top=0.0, layer_bottom=np.linspace(0.1, 0.9, 40))
    inputs, _ = inputs_of(model, sites)
    assert {i.name for i in inputs} == {"a", "b", "mat"}
    response = Response(model, sites, inputs)
    np.testing.assert_allclose(response(response.start)[:, 1], model.predict(sites)["soc"], rtol=1e-6)


def test_members_of_an_ensemble_are_the_single_models() -> None:
    models = [model_of(seed=k).eval() for k in range(3)]
    for k, model in enumerate(models):
        torch.nn.init.normal_(next(model.encoder.parameters()), std=0.5 + k)
    together = stack(models).eval()
    inputs, _ = inputs_of(models[0], table())
    x = Response(models[0], table(), inputs).start
    effects = _members(together, table(), inputs, x)
    for k, model in enumerate(models):
        single = _effect(Response(model, table(), inputs), x, 0, inputs[0])
        np.testing.assert_allclose(effects[k][0].effect, single.effect, rtol=1e-3, atol=1e-4)
