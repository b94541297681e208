"""What each parameter of a process model is: neural, shared or fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hybridmap.process import ProcessModel


@dataclass(frozen=True)
class Roles:
    """What each parameter of a process model is.

    Attributes
    ----------
    neural : sequence of str
        Predicted per site by the encoder.
    shared : sequence of str
        Learned as one value for all sites (``global`` in a configuration file).
    fixed : mapping of str to float
        Held at a value, in the parameter's unit. A parameter named nowhere is held at its default.

    Examples
    --------
    >>> from hybridmap.process import get_process
    >>> Roles(neural=["rb"], fixed={"q10": 2.0}).check(get_process("respiration"))
    >>> Roles(neural=["rb"], shared=["rb"]).check(get_process("respiration"))
    Traceback (most recent call last):
    ValueError: parameter 'rb' has two roles; name it once among neural, global and fixed.
    """

    neural: Sequence[str] = ()
    shared: Sequence[str] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)

    def check(self, process: ProcessModel) -> None:
        """Raise ValueError for an unknown parameter or one with two roles."""
        names = [p.name for p in process.parameters]
        named = [*self.neural, *self.shared, *self.fixed]
        for name in named:
            if name not in names:
                raise ValueError(f"{process.name} has no parameter '{name}'; it has {names}.")
            if named.count(name) > 1:
                raise ValueError(f"parameter '{name}' has two roles; name it once among neural, global and fixed.")


def resolve_roles(
    process: ProcessModel, neural: Sequence[str] | str, shared: Sequence[str] | str, fixed: Mapping[str, float]
) -> Roles:
    """Spell out "all" and "none": "all" covers every standard parameter that has no other role.

    Parameters that a model marks as extensions (such as the leak rates of the five-pool model) stay fixed unless named.

    Parameters
    ----------
    process : ProcessModel
        Whose parameters they are.
    neural, shared : sequence of str, "all" or "none"
        Roles as a configuration gives them.
    fixed : mapping of str to float
        Values of parameters in their units.

    Returns
    -------
    Roles

    Raises
    ------
    ValueError
        For an unknown parameter, one with two roles, or two roles of all.

    Examples
    --------
    >>> from hybridmap.process import get_process
    >>> resolve_roles(get_process("respiration"), ["rb"], "all", {})
    Roles(neural=['rb'], shared=['q10'], fixed={})
    """
    explicit = {
        *fixed,
        *(neural if not isinstance(neural, str) else ()),
        *(shared if not isinstance(shared, str) else ()),
    }
    rest = [p.name for p in process.parameters if p.neural and p.name not in explicit]
    if neural == "all" and shared == "all":
        raise ValueError("neural and global cannot both be 'all'; name the parameters of one of them.")

    def spell(role: Sequence[str] | str) -> list[str]:
        if isinstance(role, str):
            if role not in ("all", "none"):
                raise ValueError(f"a role is a list of parameters, 'all' or 'none', not '{role}'.")
            return rest if role == "all" else []
        return list(role)

    roles = Roles(spell(neural), spell(shared), dict(fixed))
    roles.check(process)
    return roles
