"""Files of a model that exist only when complete, with digests that tell damage. Like the whole room without pandas."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

SEAL = "seal: "
"""Beginning of the last line of a sealed text: the digest of what is before it."""


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_durably(content: bytes, path: Path) -> None:
    """Write a file under a temporary name, on the disk before it takes its own."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk names no file
        raise


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as the content of a safetensors file."""
    from safetensors.torch import save

    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def sealed(text: str) -> bytes:
    r"""Return a text with its seal in a line of its own, which YAML takes for one more key.

    Examples
    --------
    >>> unsealed(sealed("a: 1")), unsealed(sealed("a: 1").replace(b"1", b"2")), unsealed(b"a: 1")
    ('a: 1\n', None, 'a: 1')
    """
    text = text if text.endswith("\n") else text + "\n"
    return f"{text}{SEAL}{sha256(text.encode())}\n".encode()


def unsealed(content: bytes) -> str | None:
    """Return the text without its seal; None if it is not what was sealed. A text without a seal passes.

    Parameters
    ----------
    content : bytes
        Of a file.

    Returns
    -------
    str or None
        The text.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    sealed_text, line, seal = text.rpartition("\n" + SEAL)
    if not line:
        return text
    sealed_text += "\n"
    return sealed_text if seal == sha256(sealed_text.encode()) + "\n" else None
