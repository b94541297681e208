"""The report over HTTP: windows of full-resolution maps, parts of files, and nothing for strangers."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_raster

from hybridmap.errors import HybridmapError
from hybridmap.report.map_server import map_server
from hybridmap.report.packed_maps import Packed, unpacked

VALUES = np.arange(60, dtype="float32").reshape(6, 10)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "report").mkdir()
    (tmp_path / "report/index.html").write_text("the page")
    write_raster(tmp_path / "experiments/one/maps/soc.tif", VALUES, 0, 6, 1, nodata=7)
    (tmp_path / "experiments/one/maps.json").write_text(json.dumps([{"name": "soc", "file": "maps/soc.tif"}]))
    (tmp_path.parent / "secret.txt").write_text("secret")
    with map_server(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def answer(port: int, path: str, **headers: str) -> tuple[int, bytes, Any]:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    result = response.status, response.read(), response.headers
    connection.close()
    return result


def test_windows_are_the_values_of_the_file(port: int) -> None:
    status, content, _ = answer(port, "/window/one/soc?col=2&row=0&width=100&height=2")
    facts = json.loads(content)
    values = unpacked(Packed(facts["text"], facts["bits"], facts["low"], facts["step"])).reshape(facts["shape"])
    expected = np.where(VALUES == 7, np.nan, VALUES)[:2, 2:]
    assert status == 200
    assert np.array_equal(values, expected, equal_nan=True)


def test_parts_of_files_and_the_page(port: int) -> None:
    status, content, headers = answer(port, "/report/index.html", Range="bytes=4-7")
    assert (status, content, headers["Content-Range"]) == (206, b"page", "bytes 4-7/8")
    assert answer(port, "/report/index.html", Range="bytes=99-")[0] == 416
    assert answer(port, "/")[2]["Location"] == "/report/index.html"
    assert answer(port, "/report/index.html")[1] == b"the page"


@pytest.mark.parametrize(
    "path",
    ["/window/one/none?col=0&row=0&width=1&height=1", "/window/one/soc?col=-1&row=0&width=1&height=1",
     "/window/one/soc?col=0&row=0&width=99999&height=99999", "/window/one/soc", "/window/one/soc?col=a",
     "/window/one/soc?col=50&row=50&width=1&height=1", "/../secret.txt", "/%2e%2e/secret.txt",
     "/window/..%2F..%2Fone/soc?col=0&row=0&width=1&height=1"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(port: int, path: str) -> None:
    assert answer(port, path)[0] == 404


def test_other_names_of_this_machine_are_refused(port: int) -> None:
    assert answer(port, "/report/index.html", Host=f"evil.example:{port}")[0] == 403


def test_a_folder_without_a_report_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match=r"no report/index\.html here; name the folder of a region"):
        map_server(tmp_path)
