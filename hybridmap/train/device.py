"""Where to compute: the device that a command is given, or the CPU with a notice where there is no GPU."""

from __future__ import annotations

import logging
import re

import torch

from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")
CPU = "cpu"
"""Name of the processor among devices."""


def choose_device(words: str) -> torch.device:
    """The device that is meant by the option ``--device``.

    Parameters
    ----------
    words : str
        ``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Returns
    -------
    torch.device
        Where a GPU is asked for and none is at hand, the CPU, with a notice.

    Raises
    ------
    HybridmapError
        If it is another word, or a GPU of another number than there are.
    """
    number = re.fullmatch(r"cuda(?::(\d{1,3}))?", words)
    if words not in ("auto", CPU) and number is None:
        raise HybridmapError(f"--device {words}: expected auto, cpu, cuda or cuda:N, such as cuda:0.")
    if words == CPU:
        return torch.device(CPU)
    if not torch.cuda.is_available():
        if number is not None:
            LOG.warning("--device %s: PyTorch %s sees no GPU here; computing on the CPU", words, torch.__version__)
        return torch.device(CPU)
    index, count = int((number and number[1]) or 0), torch.cuda.device_count()
    if index >= count:
        raise HybridmapError(f"--device {words}: there are {count} GPUs here, the last is cuda:{count - 1}.")
    return torch.device("cuda", index)


def device_name(device: torch.device) -> str:
    """The name of a device for people, as ``NVIDIA H100 80GB HBM3``; of the processor ``cpu``."""
    return CPU if device.type == CPU else torch.cuda.get_device_name(device)
