"""A pretended GPU: tensors that say they are on a CUDA device, and refuse what a real one would refuse.

The numbers live on the CPU. An operation that mixes tensors of the pretended device with tensors of the CPU raises, as
on a GPU, so that code that forgets to move a constant is found where no GPU is. Nothing else of a GPU is imitated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

GPU = torch.device("cuda", 0)


class OnGpu(Tensor):
    """A tensor of the CPU that says it is on a GPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        # PyTorch itself takes it for a tensor of the CPU: a build without CUDA has no gradients on another device.
        made = Tensor._make_wrapper_subclass(
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device="cpu"
        )
        made.inner = inner
        return made

    def __repr__(self) -> str:
        return f"{self.inner!r} on {GPU}"

    @property
    def device(self) -> torch.device:
        return GPU

    @property
    def is_cuda(self) -> bool:
        return True

    def tolist(self) -> Any:
        return self.inner.tolist()

    @property
    def data(self) -> Tensor:
        return OnGpu(self.inner.detach())

    @data.setter
    def data(self, value: OnGpu) -> None:
        Tensor.data.__set__(self, value)
        self.inner = value.inner

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func._schema.name.split("::")[1]
        device = kwargs.get("device")
        flat, spec = tree_flatten((args, kwargs))
        here = [x for x in flat if isinstance(x, OnGpu)]
        strangers = [x for x in flat if isinstance(x, Tensor) and not isinstance(x, OnGpu) and x.ndim > 0]
        # Copies cross devices; indices may come from the CPU; of a strange scalar its value is taken.
        if strangers and here and name not in ("copy_", "_to_copy", "index", "index_put", "index_put_"):
            raise RuntimeError(f"{name}: tensors on cuda:0 and on cpu {[tuple(x.shape) for x in strangers]}")
        flat = [x.inner if isinstance(x, OnGpu) else torch.device("cpu") if x == GPU else x for x in flat]
        args, kwargs = tree_unflatten(flat, spec)
        if device is not None:
            kwargs["device"] = torch.device("cpu")
        out = func(*args, **kwargs)
        if name.endswith("_") and not name.endswith("__") and here:
            return _original(flat, here, out)
        return tree_map(lambda x: OnGpu(x) if isinstance(x, Tensor) else x, out)


def _original(flat: list[Any], here: list[OnGpu], out: Any) -> Any:
    """In-place operations give back the very tensor that they changed."""
    for tensor in here:
        if tensor.inner is out:
            return tensor
    return tree_map(lambda x: OnGpu(x) if isinstance(x, Tensor) else x, out)


FACTORIES = (
    "arange", "as_tensor", "empty", "eye", "full", "linspace", "ones", "rand", "randint", "randn", "randperm",
    "tensor", "zeros",
)  # fmt: skip


ORIGINAL_FACTORIES = {name: getattr(torch, name) for name in FACTORIES}
INFERENCE_MODE = torch.inference_mode
ORIGINAL_METHODS = {name: getattr(Tensor, name) for name in ("to", "cuda", "cpu", "new_tensor")}


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """Within it, ``device="cuda"`` is understood on a machine without a GPU."""
    for name, make in ORIGINAL_FACTORIES.items():
        setattr(torch, name, _factory(make))
    Tensor.to = _to
    Tensor.cuda = lambda tensor: _to(tensor, GPU)
    Tensor.cpu = lambda tensor: _to(tensor, "cpu")
    Tensor.new_tensor = lambda tensor, data, **kwargs: torch.tensor(
        data, **{"dtype": tensor.dtype, "device": tensor.device, **kwargs}
    )
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.inference_mode = torch.no_grad  # of tensors of a class of their own PyTorch makes none without a version
    try:
        yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
        torch.inference_mode = INFERENCE_MODE
        for name, make in ORIGINAL_FACTORIES.items():
            setattr(torch, name, make)
        for name, method in ORIGINAL_METHODS.items():
            setattr(Tensor, name, method)


def _factory(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function such as ``torch.zeros`` that understands ``device="cuda"``."""

    def on_device(*args: Any, **kwargs: Any) -> Tensor:
        device = kwargs.pop("device", None)
        if make is ORIGINAL_FACTORIES["as_tensor"] and isinstance(args[0], Tensor):
            return _to(args[0], device, kwargs.get("dtype"))
        if device is None or torch.device(device).type != "cuda":
            return make(*args, **kwargs, **({} if device is None else {"device": device}))
        leaf = kwargs.pop("requires_grad", False)
        return OnGpu(make(*args, **kwargs)).requires_grad_(leaf)

    return on_device


def _to(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.to`` across the pretended border; a dtype goes on to the original."""
    kwargs.pop("non_blocking", None)
    target, dtypes = tensor.device, []
    for value in (*args, kwargs.pop("device", None)):
        if isinstance(value, torch.device | str):
            target = torch.device(value)
        elif isinstance(value, Tensor):
            target = value.device
            dtypes.append(value.dtype)
        elif isinstance(value, torch.dtype):  # anything else says whether to wait
            dtypes.append(value)
    if target.type != tensor.device.type:
        tensor = (_Down if target.type == "cpu" else _Up).apply(tensor)
    return ORIGINAL_METHODS["to"](tensor, *dtypes, **kwargs) if dtypes or kwargs else tensor


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return OnGpu(tensor.detach().clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        assert isinstance(grad, OnGpu)
        return grad.inner


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        assert isinstance(tensor, OnGpu)
        return tensor.inner.detach().clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return OnGpu(grad)
