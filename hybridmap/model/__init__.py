"""The model that is trained: roles of parameters, encoder, constraint and process model as one."""

from hybridmap.model.hybrid import HybridModel
from hybridmap.model.network import NetworkModel
from hybridmap.model.roles import Roles, resolve_roles
from hybridmap.model.table_model import OUTSIDE, Run, TableModel

__all__ = ["OUTSIDE", "HybridModel", "Model", "NetworkModel", "Roles", "Run", "TableModel", "resolve_roles"]

Model = HybridModel | NetworkModel
