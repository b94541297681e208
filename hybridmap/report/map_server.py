"""The page over HTTP on this machine, with windows of the full-resolution GeoTIFFs for its explorer."""

from __future__ import annotations

import json
import logging
import re
from functools import cached_property, partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_json
from hybridmap.files.results import RegionFiles
from hybridmap.report.packed_maps import FINEST, packed

LOG = logging.getLogger("hybridmap")
PAGE = "/report/index.html"
WINDOW = re.compile(r"^/window/([^/]+)/([^/]+)$")
RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")
HOSTS = ("127.0.0.1", "localhost")
"""Names of this machine; a request for any other comes from a page that has no business here."""
MOST_CELLS = 4_000_000
"""Of a window; a larger one is refused."""


class RegionMaps:
    """GeoTIFFs of the experiments of a region.

    Parameters
    ----------
    folder : Path
        ``results/{region}``.

    Raises
    ------
    HybridmapError
        If it has no report.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not RegionFiles(folder).report.is_file():
            raise HybridmapError(f"{folder}: no report/index.html here; name the folder of a region, as results/demo.")

    @cached_property
    def files(self) -> dict[tuple[str, str], Path]:
        """File of each map, by experiment and name."""
        lists = sorted((self.folder / "experiments").glob("*/maps.json"))
        return {
            (path.parent.name, entry["name"]): path.parent / entry["file"]
            for path in lists
            for entry in read_json(path)
            if entry.get("file")
        }

    def window(self, experiment: str, name: str, cells: Window) -> dict[str, Any]:
        """Cells of a map, packed as the page unpacks them.

        Parameters
        ----------
        experiment, name : str
            Whose map, and which.
        cells : rasterio Window
            Columns and rows of the grid.

        Returns
        -------
        dict
            ``text``, ``bits``, ``low``, ``step``, and ``shape`` (row, column).
        """
        with rasterio.open(self.files[experiment, name]) as file:
            inside = cells.intersection(Window(0, 0, file.width, file.height))
            stored = file.read(1, window=inside, masked=True)
            values = stored.astype("float64").filled(np.nan) * file.scales[0] + file.offsets[0]
        numbers = packed(values.reshape(-1), FINEST)
        return {"text": numbers.text, "shape": list(values.shape), **numbers.facts()}


class Handler(SimpleHTTPRequestHandler):
    """Files of the region, parts of them, and windows of maps."""

    def __init__(self, *arguments: Any, maps: RegionMaps, **more: Any) -> None:
        self.maps = maps
        super().__init__(*arguments, directory=str(maps.folder), **more)

    def do_GET(self) -> None:
        """Answer one request."""
        address = urlsplit(self.path)
        if self.headers.get("Host", "").rpartition(":")[0] not in HOSTS:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif address.path == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", PAGE)
            self.end_headers()
        elif match := WINDOW.match(address.path):
            self._send_window(unquote(match[1]), unquote(match[2]), parse_qs(address.query))
        elif match := RANGE.match(self.headers.get("Range", "")):
            self._send_part(int(match[1]), int(match[2]) if match[2] else None)
        else:
            super().do_GET()

    def _send_window(self, experiment: str, name: str, query: dict[str, list[str]]) -> None:
        try:
            col, row, width, height = (int(query[key][0]) for key in ("col", "row", "width", "height"))
            is_right = min(col, row) >= 0 and min(width, height) > 0 and width * height <= MOST_CELLS
            content = (
                json.dumps(self.maps.window(experiment, name, Window(col, row, width, height))) if is_right else ""
            )
        except (KeyError, ValueError, RasterioError):
            content = ""
        if content:
            self._send(HTTPStatus.OK, content.encode(), {"Content-Type": "application/json"})
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_part(self, first: int, last: int | None) -> None:
        """Some bytes of a file, as readers of Cloud-Optimized GeoTIFFs ask for them."""
        path = Path(self.translate_path(self.path))
        if not path.is_file() or first >= path.stat().st_size:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        size = path.stat().st_size
        end = size - 1 if last is None else min(last, size - 1)
        with path.open("rb") as stream:
            stream.seek(first)
            content = stream.read(end - first + 1)
        self._send(HTTPStatus.PARTIAL_CONTENT, content, {"Content-Range": f"bytes {first}-{end}/{size}"})

    def _send(self, status: HTTPStatus, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "Accept-Ranges": "bytes"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of single requests."""


def map_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Server of the report of a region, for this machine alone.

    Parameters
    ----------
    folder : Path
        ``results/{region}``.
    port : int
        Where; 0 takes a free one.

    Returns
    -------
    ThreadingHTTPServer
        Bound, and not serving yet.

    Raises
    ------
    HybridmapError
        If there is no report, or the port is taken.
    """
    maps = RegionMaps(folder)
    try:
        return ThreadingHTTPServer((HOSTS[0], port), partial(Handler, maps=maps))
    except OSError as error:
        raise HybridmapError(f"port {port}: {error.strerror}; leave --port out to take a free one.") from None


def serve(folder: Path, port: int, opens_browser: bool) -> None:
    """Serve the report until the user stops it.

    Parameters
    ----------
    folder : Path
        ``results/{region}``.
    port : int
        Where; 0 takes a free one.
    opens_browser : bool
        Whether the page is opened too.
    """
    with map_server(folder, port) as server:
        address = f"http://{HOSTS[0]}:{server.server_address[1]}{PAGE}"
        LOG.info("%s (stop with Ctrl+C)", address)
        if opens_browser:
            import webbrowser

            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            LOG.info("stopped")
