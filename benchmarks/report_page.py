"""The report of a region as large as the United States at 10 km: bytes, first paint, ready, and one click.

python benchmarks/report_page.py                        76,000 cells, 22 parameters, SOC of six depths with intervals
python benchmarks/report_page.py --page index.html      any page that is there
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))
ROWS, COLUMNS = 292, 463
DEPTHS = [(0, 5), (5, 15), (15, 30), (30, 60), (60, 100), (100, 200)]
PARAMETERS = 22
TIMING = """() => { window.took = [];
    document.querySelector('canvas').addEventListener('pointerup', () => {
        const start = performance.now(); setTimeout(() => window.took.push(performance.now() - start)); }, true); }"""
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


def rough_field(rows: int, columns: int, seed: int) -> np.ndarray:
    """A field with noise of a twentieth of its range, known in 56 % of the cells, as land in a frame."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[0:rows, 0:columns].astype("float32")
    field = 30 + 15 * np.sin(row / 31 + seed) * np.cos(column / 43) + random.normal(0, 1.5, row.shape)
    field[(row / rows - 0.5) ** 2 + (column / columns - 0.5) ** 2 > 0.178] = np.nan
    return field.astype("float32")


def write_page(folder: Path) -> Path:
    """A region made of such fields, and its report."""
    import finished_region
    import pytest

    from hybridmap.files.results import RegionFiles
    from hybridmap.predict.map_layers import MapLayer
    from hybridmap.predict.portrayal import Portrayal
    from hybridmap.report.html import report

    finished_region.field_of = rough_field
    parameters = [f"p{k}" for k in range(PARAMETERS)]
    finished_region.LAYERS.update(
        {
            p: MapLayer("yr-1", f"parameter {p}", portrayal=Portrayal("parameter", p), has_depth=False)
            for p in parameters
        }
    )
    config = finished_region.region_of(folder, [{"name": "one"}], ROWS, COLUMNS)
    files = RegionFiles(finished_region.write_finished(config, DEPTHS))
    with pytest.MonkeyPatch.context() as patch:
        finished_region.without_models(patch)
        started = time.perf_counter()
        report(config, files.folder, files.report, files.figures)
        print(f"page made in {time.perf_counter() - started:.1f} s")
    return files.report


def look(page: Path) -> None:
    """Open it and click."""
    from playwright.sync_api import sync_playwright

    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=SWITCHES)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        started = time.perf_counter()
        tab.goto(page.resolve().as_uri())
        paints: list[Any] = tab.evaluate("performance.getEntriesByType('paint').map(e => [e.name, e.startTime])")
        for name, milliseconds in paints:
            print(f"{name}: {milliseconds:.0f} ms")
        for state in ("ready", "loaded"):
            tab.wait_for_selector(f'.explorer[data-{state}="yes"]', timeout=60_000)
            print(f"explorer {state}: {1000 * (time.perf_counter() - started):.0f} ms")
        box = tab.locator("canvas")
        box.scroll_into_view_if_needed()
        tab.evaluate(TIMING)
        for k in range(20):
            box.click(position={"x": 150 + 20 * k, "y": 200 + 5 * k})
        took = tab.evaluate("window.took")
        print(
            f"click to numbers, {len(took)} clicks: median {statistics.median(took):.1f} ms, longest {max(took):.1f} ms"
        )
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path)
    page = parser.parse_args().page
    if page:
        look(page)
        return
    with tempfile.TemporaryDirectory() as folder:
        look(write_page(Path(folder)))


if __name__ == "__main__":
    main()
