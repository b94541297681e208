"""Roles of parameters: what "all" covers, and what is refused."""

import pytest
import torch

from hybridmap.model import HybridModel, Roles, resolve_roles
from hybridmap.process import get_process


def test_roles():
    process = get_process("five_pool")
    assert len(resolve_roles(process, "all", "none", {}).neural) == 13
    mixed = resolve_roles(process, ["cue", "q_max"], "all", {"f_poc": 0.5})
    assert len(mixed.shared) == 10
    with pytest.raises(ValueError, match="no parameter 'kue'"):
        resolve_roles(process, ["kue"], "none", {})
    with pytest.raises(ValueError, match="two roles"):
        HybridModel(process, Roles(neural=["cue"], shared=["cue"]), torch.nn.Identity())
