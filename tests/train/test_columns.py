"""Layers of one column of soil: the process model computes the column once, and training is what it was."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import COLUMN, SPEC

from hybridmap.model import HybridModel
from hybridmap.model.specification import build_model
from hybridmap.options import LossOptions
from hybridmap.train import Member, SiteData, fit_members
from hybridmap.train.data import epoch_batches, pad_columns
from hybridmap.train.options import TrainingOptions

PROFILES, LAYERS = 40, 3


def profiles(with_columns: bool) -> SiteData:
    """Three layers of each profile, in an order that mixes the profiles."""
    g = torch.Generator().manual_seed(3)
    profile = torch.arange(PROFILES).repeat(LAYERS)
    x, mat = torch.randn(PROFILES, 2, generator=g), 10 * torch.rand(PROFILES, generator=g)
    top = torch.tensor([0.0, 0.1, 0.4]).repeat_interleave(PROFILES)
    forcing = {"mat": mat[profile], "layer_top": top, "layer_bottom": top + 0.2}
    soc = (30 + 5 * x[profile, 0]) * torch.exp(-top / 0.4)
    return SiteData(x[profile], forcing, {"soc": soc}, profile if with_columns else None)


def members(folder: Path) -> list[Member]:
    """Two that train side by side, on different profiles, so that they have different numbers of columns."""
    source = folder / "column.py"
    source.write_text(COLUMN)
    spec = SPEC | {
        "process": {"name": str(source), "options": {}},
        "neural": ["surface", "fall"],
        "shared": [],
        "fixed": {},
        "forcing": ["mat", "layer_top", "layer_bottom"],
        "forcing_constants": {},
        "targets": ["soc"],
        "root_beta": 0.966,
        "encoder": {"name": "mlp", "hidden": [16], "activation": "gelu", "dropout": 0.0},
        "heads": ["below.soc", "above.soc"],
    }
    rows = torch.arange(PROFILES * LAYERS)
    made = []
    for seed, last in enumerate((25, 30)):
        torch.manual_seed(seed)
        is_deeper_of_first = (rows >= PROFILES) & (rows % PROFILES == 0)  # so one profile has a single layer
        is_training = (rows % PROFILES < last) & ~is_deeper_of_first
        made.append(Member(build_model(spec), rows[is_training], rows[rows % PROFILES >= last], seed))
    return made


def test_training_on_columns_is_training_on_their_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole parts as batches, so that both forms see the same: equal losses, and each column once, not thrice."""
    options = TrainingOptions(
        max_epochs=8, patience=8, batch_size=10_000, loss=LossOptions(name="square_quantiles"), learning_rate=0.01
    )
    histories, computed = {}, {}
    for with_columns in (False, True):
        sizes: list[int] = []
        column = HybridModel.column

        def counted(self, encoded, forcing, sizes=sizes, column=column):  # type: ignore[no-untyped-def]
            sizes.append(encoded.shape[-2])
            return column(self, encoded, forcing)

        with monkeypatch.context() as patch:
            patch.setattr(HybridModel, "column", counted)
            histories[with_columns] = fit_members(members(tmp_path), profiles(with_columns), options)
        computed[with_columns] = max(sizes)
    assert computed == {False: 30 * LAYERS - 2, True: 30}
    for one, other in zip(histories[False], histories[True], strict=True):
        losses = [[row["train_loss"] for row in history] for history in (one, other)]
        stops = [[row["validation_loss"] for row in history] for history in (one, other)]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
        np.testing.assert_allclose(stops[0], stops[1], rtol=1e-4)
        assert losses[0][-1] < 0.9 * losses[0][0]  # it has learned, so gradients count


@given(st.lists(st.lists(st.integers(0, 6), min_size=5, max_size=5), min_size=1, max_size=4))
def test_every_site_finds_its_column(numbers: list[list[int]]) -> None:
    column = torch.tensor(numbers)
    places, column_of = pad_columns(column)
    np.testing.assert_array_equal(column.gather(1, places).gather(1, column_of), column)
    assert places.shape[1] == max(len(set(row)) for row in numbers)


def test_batches_keep_columns_together_and_lose_no_site() -> None:
    column, rows = torch.arange(300) % 100, torch.arange(0, 300)
    batches = epoch_batches([rows], [1], 0, 60, column)
    taken = torch.cat([index[0][valid[0]] for index, valid in batches])
    assert sorted(taken.tolist()) == rows.tolist()
    # 60 sites are of 20 columns, and of one more where a batch ends within a column.
    assert max(len(column[index[0]].unique()) for index, _ in batches) <= 21
    plain = epoch_batches([rows], [1], 0, 60)
    assert min(len(column[index[0]].unique()) for index, _ in plain) > 30
