"""What the data did not teach: parameters that are held, and global ones that stayed where they started."""

import torch
from small_models import SPEC, model_of

from hybridmap.model.unlearned import unlearned_parameters


def test_held_and_unmoved_parameters_are_named_and_learned_ones_are_not() -> None:
    model = model_of({**SPEC, "shared": ["km_p", "k_mb"]})
    texts = unlearned_parameters(model)
    assert texts["f_poc"] == "held at 0.6"
    assert texts["km_p"].startswith("stayed at ")
    assert texts["k_mb"].startswith("stayed at ")
    # An option that decides what warming does is learned by nobody.
    assert texts["q10 of vmax_u, k_mb, k_ep, k_el"] == "held at 1.98"
    assert not {"cue", "q_max"} & set(texts)
    with torch.no_grad():
        model.shared_raw += torch.tensor([1.0, 0.0])
    assert "km_p" not in unlearned_parameters(model)
    assert "k_mb" in unlearned_parameters(model)


def test_a_start_of_the_user_is_where_it_started() -> None:
    texts = unlearned_parameters(model_of({**SPEC, "shared": ["km_p"], "start": {"km_p": 200.0}}))
    assert texts["km_p"] == "stayed at 200, its start"


def test_a_network_has_no_parameters() -> None:
    assert unlearned_parameters(model_of({**SPEC, "process": None})) == {}
