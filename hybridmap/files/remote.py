"""Names that are read over the network, and the tag by which a server tells one version of a file from another."""

from __future__ import annotations

import logging
import re
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import Any
from urllib.parse import urlsplit

LOG = logging.getLogger("hybridmap")
BEGINNINGS = ("http://", "https://", "/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsioss", "/vsiswift", "s3://", "gs://")
ADDRESS = re.compile(r"^(?:/vsicurl/)?(https?://[^|]+)$", re.IGNORECASE)
PATIENCE_S = 5.0
"""Seconds that a server has to answer; one that does not is not asked again."""


def is_remote_name(name: str) -> bool:
    """Whether a name is read over the network."""
    return name.lower().startswith(BEGINNINGS)


class RemoteTags:
    """Tags of files behind addresses, each asked for once.

    Parameters
    ----------
    remembered : dict of str to list of str
        Address → its last tag, in a list; taken where a server does not answer, and kept up to date.
    """

    def __init__(self, remembered: dict[str, list[str]]) -> None:
        self._remembered = remembered
        self._tags: dict[str, str] = {}
        self._silent: set[str] = set()
        self.is_changed = False

    def of(self, name: str) -> str:
        """Return the strong ETag of a file or else when it was changed, with its size; "" where none is known."""
        match = ADDRESS.match(name)
        if match is None:
            return ""
        address = match[1]
        if address not in self._tags:
            self._tags[address] = self._current(address)
        return self._tags[address]

    def _current(self, address: str) -> str:
        noted = self._remembered.get(address)
        last = noted[0] if isinstance(noted, list) and noted and isinstance(noted[0], str) else ""
        tag = self._ask(address)
        if tag is None:
            return last
        self.is_changed |= tag != last
        self._remembered[address] = [tag]
        return tag

    def _ask(self, address: str) -> str | None:
        """One request; None where the server does not answer."""
        host = urlsplit(address).netloc
        if host in self._silent:
            return None
        try:
            request = urllib.request.Request(address, method="HEAD", headers={"Accept-Encoding": "identity"})
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return _tag(answer.headers)
        except urllib.error.HTTPError:
            return ""  # it answers, but tells nothing: what reads the file says so
        except (OSError, HTTPException, ValueError) as error:
            self._silent.add(host)
            LOG.warning("%s does not answer (%s): its files count as they were last seen.", host, _words(error))
            return None


def _tag(headers: HTTPMessage) -> str:
    tag = headers.get("ETag", "")
    version = headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
    return f"{version} {headers.get('Content-Length', '')}" if version else ""


def _words(error: Any) -> str:
    return str(getattr(error, "reason", error)).splitlines()[0] if str(error) else type(error).__name__
