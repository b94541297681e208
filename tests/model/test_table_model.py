"""Tables through a model: layers of one column of soil are computed together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import column_model

from hybridmap.model import HybridModel
from hybridmap.model.members import stack
from hybridmap.model.storage import load_model
from hybridmap.model.table_model import columns_of

PROFILES, LAYERS = 12, 3


def layers() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Three layers of each profile, in an order that mixes the profiles."""
    g = torch.Generator().manual_seed(1)
    profile = torch.arange(PROFILES).repeat(LAYERS)
    top = torch.tensor([0.0, 0.1, 0.4]).repeat_interleave(PROFILES)
    mat = 10 * torch.rand(PROFILES, generator=g)
    return torch.randn(PROFILES, 2, generator=g)[profile], {
        "mat": mat[profile],
        "layer_top": top,
        "layer_bottom": top + 0.2,
    }


@pytest.mark.parametrize("members", [0, 2])
def test_a_table_of_layers_computes_each_column_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: int
) -> None:
    """What every layer for itself says, members of an ensemble included."""
    model = load_model(column_model(tmp_path), trust=True)
    if members:
        model = stack([model] * members).eval()
    covariates, forcing = layers()
    lead = (members,) if members else ()
    repeated = {name: v.expand(*lead, *v.shape) for name, v in forcing.items()}
    with torch.no_grad():
        expected = model(covariates.expand(*lead, *covariates.shape), repeated)
    sizes, column = [], HybridModel.column

    def counted(self, encoded, forcing, **options):  # type: ignore[no-untyped-def]
        sizes.append(encoded.shape[-2])
        return column(self, encoded, forcing, **options)

    monkeypatch.setattr(HybridModel, "column", counted)
    outputs = model.outputs_of(covariates, forcing)
    assert sizes == [PROFILES]
    assert set(outputs) == set(expected)
    for name, values in expected.items():
        assert outputs[name].shape == values.shape
        np.testing.assert_allclose(outputs[name], values, rtol=1e-5, err_msg=name)
    assert len(outputs["soc"].flatten().unique()) > PROFILES  # layers differ


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_rows_are_of_one_column_where_all_but_their_ends_agree(numbers: list[int]) -> None:
    values = torch.tensor(numbers, dtype=torch.float32)
    covariates, forcing = (values % 2)[:, None], {"mat": values // 2, "layer_top": torch.arange(float(len(numbers)))}
    first, column_of = columns_of(covariates, forcing)
    assert len(first) == len(set(numbers))
    assert first.tolist() == sorted(first.tolist())
    np.testing.assert_array_equal(values[first][column_of], values)
