"""Zip archives, unpacked whole or not at all, and never outside their folder."""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from hybridmap.errors import HybridmapError

ENCRYPTED = 1
"""Flag of a member that needs a password."""
DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, ValueError)
"""What a damaged archive brings up."""


def unpack(
    archive: Path, folder: Path, patterns: Sequence[str] = ("*",), own_files: Collection[str] = ()
) -> list[Path]:
    """Unpack the members of an archive into a folder, without the folders inside.

    Parameters
    ----------
    archive : Path
        A zip file.
    folder : Path
        Gets the members.
    patterns : sequence of str
        Names of members to unpack; * and ? as in file names.
    own_files : collection of str
        Names of files in the folder that no member may replace.

    Returns
    -------
    list of Path
        The unpacked files.

    Raises
    ------
    HybridmapError
        If a member would lie outside the folder or replace a file that is kept, two have one name, the archive is
        encrypted or damaged, or the disk is too small.
    """
    partial = folder / f".{archive.name}.unpacking"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            members = _members(file, archive, patterns, {archive.name, *own_files})
            _check_space(archive, folder, sum(member.file_size for member in members.values()))
            partial.mkdir(parents=True)
            for name, member in members.items():
                with file.open(member) as source, (partial / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        for name in members:
            os.replace(partial / name, folder / name)
        return [folder / name for name in members]
    except (*DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a full disk is no fault of the archive
            raise
        raise HybridmapError(
            f"{archive}: the zip archive is damaged ({error}); delete it and fetch it again."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_space(archive: Path, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise HybridmapError(
            f"{archive}: needs {size / 1e9:.1f} GB unpacked, the disk has {free / 1e9:.1f} GB; make room."
        )


def _members(
    file: zipfile.ZipFile, archive: Path, patterns: Sequence[str], own_files: Collection[str]
) -> dict[str, zipfile.ZipInfo]:
    """Members to unpack, by the name that they get."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in file.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
            raise HybridmapError(
                f"{archive}: its member '{member.filename}' would be written outside the folder; such an archive is not"
                " unpacked. Get it from its source."
            )
        if member.is_dir() or not any(fnmatch(path.name, pattern) for pattern in patterns):
            continue
        if path.name in own_files:
            raise HybridmapError(
                f"{archive}: its member '{path.name}' would replace the file of that name beside the archive; such an"
                " archive is not unpacked. Get it from its source."
            )
        if member.flag_bits & ENCRYPTED:
            raise HybridmapError(f"{archive}: its member '{path.name}' is encrypted; unpack it by hand.")
        if path.name in members:
            raise HybridmapError(f"{archive}: has two members called '{path.name}'; unpack it by hand.")
        members[path.name] = member
    if not members:
        raise HybridmapError(f"{archive}: has no member like {list(patterns)}; it is not what was expected.")
    return members
