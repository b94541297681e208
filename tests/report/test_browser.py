"""The page in a real browser: clicks, swipe, keyboard, link, print, no request, no message, readable by all."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_raster
from finished_region import NORTH, STEP, WEST, region_of, without_models, write_finished

from hybridmap.files.results import RegionFiles
from hybridmap.report import explorer
from hybridmap.report.html import report
from hybridmap.report.map_server import map_server

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
WIDTHS = (390, 768, 1280, 2560)
pytestmark = pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"no browser at {CHROMIUM}")


class Visit:
    """A page that is open, with all that it asked for and said."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.address = address
        self.open()

    def open(self, link: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + link)
        self.page.wait_for_selector('.explorer[data-loaded="yes"]', timeout=20_000)

    def choose(self, part: str, value: str) -> None:
        self.page.locator(f'[data-part="{part}"]').select_option(value)

    def cell(self) -> str:
        return str(self.page.locator('[data-part="cell"]').inner_text())

    def colour(self, across: float, down: float) -> list[int]:
        """Colour of the canvas at a place, as shares of its width and height."""
        script = """([a, d]) => { const c = document.querySelector('canvas'), o = new OffscreenCanvas(1, 1);
            const t = o.getContext('2d', {willReadFrequently: true});
            t.drawImage(c, a * c.width, d * c.height, 1, 1, 0, 0, 1, 1);
            return [...t.getImageData(0, 0, 1, 1).data]; }"""
        self.page.wait_for_timeout(60)
        return list(self.page.evaluate(script, [across, down]))


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("browser")
    config = region_of(folder, [{"name": "one", "title": "First <b>"}, {"name": "two", "title": "Второй"}])
    files = RegionFiles(write_finished(config, depths=[(0, 5), (5, 20)]))
    with pytest.MonkeyPatch.context() as patch:
        without_models(patch)
        report(config, files.folder, files.report, files.figures)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(SWITCHES))
        yield Visit(browser, files.report.as_uri())
        browser.close()


def test_a_click_reads_the_cell(visit: Visit) -> None:
    visit.page.locator("canvas").click(position={"x": 400, "y": 250})
    text = visit.cell()
    for part in ("SOC 0–5 cm", "SOC 5–20 cm", "q10", "Applies", "Warmer", "Nearest samples", "Второй", "° N"):
        assert part in text
    assert "clay" in visit.page.locator('[data-part="cell"]').text_content()
    assert re.search(r"SOC 0–5 cm\s+[\d.]+ \([\d.]+ – [\d.]+\)\s+kg m⁻³", text)


def test_the_keyboard_moves_and_zooms(visit: Visit) -> None:
    visit.open()
    canvas = visit.page.locator("canvas")
    canvas.focus()
    canvas.press("ArrowRight")
    first = visit.cell()
    canvas.press("Shift+ArrowDown")
    assert "Column 20, row 15" in first
    assert "Column 20, row 25" in visit.cell()
    canvas.press("+")
    assert "%2C1.5" in visit.page.url
    canvas.press("Home")
    assert visit.page.url.endswith("%2C1")


def test_swipe_and_difference_show_both_maps(visit: Visit) -> None:
    visit.open()
    visit.choose("experiment-a", "one")
    visit.choose("experiment-b", "two") if visit.page.locator('[data-part="side-b"]').is_visible() else None
    right = visit.colour(0.6, 0.6)
    visit.page.get_by_label("swipe A | B").check()
    visit.choose("experiment-b", "two")
    visit.choose("map-b", "warmer")
    assert visit.colour(0.6, 0.6) != right
    visit.page.locator('[data-part="swipe"]').fill("90")
    assert visit.colour(0.6, 0.6) == right
    visit.choose("map-b", "soc")
    visit.page.get_by_label("difference B − A").check()
    assert "B − A" in visit.page.locator('[data-part="legends"]').inner_text()
    visit.choose("map-b", "q10")
    assert "No difference" in visit.page.locator('[data-part="legends"]').inner_text()


def test_a_link_keeps_the_view(visit: Visit) -> None:
    visit.open(
        "#explorer?a=two%2Fq10_5-20cm&mode=swipe&b=one%2Fsoc_0-5cm&swipe=0.3&sites=block&cell=12%2C9&view=10%2C8%2C3"
    )
    visit.page.wait_for_timeout(100)
    assert visit.page.locator('[data-part="map-a"]').input_value() == "q10"
    assert visit.page.locator('[data-part="depth-a"]').input_value() == "5,20"
    assert visit.page.locator('[data-part="experiment-a"]').input_value() == "two"
    assert visit.page.locator('[data-part="sites"]').input_value() == "block"
    assert "Column 12, row 9" in visit.cell()
    assert "Второй" in visit.cell()


def test_tables_sort(visit: Visit) -> None:
    heads = visit.page.locator("#verdicts ~ div table").first.locator("th button")
    column = [head.inner_text() for head in heads.all()].index("NSE")
    heads.nth(column).click()
    rows = visit.page.locator("#verdicts ~ div table").first.locator("tbody tr")
    values = [float(row.locator("td").nth(column).inner_text()) for row in rows.all()]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_scrolls_sideways(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.locator("canvas").bounding_box()["width"] > 0.5 * min(width, 700)


BROKEN_WORDS = """[...document.querySelectorAll('main td, main th')].filter(e => e.checkVisibility()).flatMap(cell => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [], range = document.createRange();
    for (let text; text = texts.nextNode();) for (const word of text.data.matchAll(/\\p{L}{2,20}/gu)) {
        range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) broken.push(word[0]);
    }
    return cell.closest('[aria-label="Inputs"]') ? [] : broken;
})"""
"""Words of tables that go over two lines, but those of paths."""


def test_print_has_everything(visit: Visit, tmp_path: Path) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    visit.page.emulate_media(media="print")
    assert visit.page.locator("main details:not([open])").count() > 3
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert visit.page.locator("main details:not([open])").count() == 0
    visit.page.set_viewport_size({"width": 700, "height": 900})  # A4 less its margins
    clipped = """[...document.querySelectorAll('main table, main img')]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 701).map(e => e.outerHTML.slice(0, 80))"""
    assert visit.page.evaluate(clipped) == []
    assert visit.page.evaluate(BROKEN_WORDS) == []
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert visit.page.locator("main details:not([open])").count() > 3
    pdf = visit.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    visit.page.emulate_media(media="screen")


def test_all_can_read_it(visit: Visit) -> None:
    axe = pytest.importorskip("axe_core_python", reason="needs axe-core")
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    script = Path(axe.__file__).parent.joinpath("axe.min.js").read_text(encoding="utf-8")
    visit.page.evaluate(script)
    found = visit.page.evaluate("axe.run().then(r => r.violations)")
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)


def test_an_overview_is_refined_by_the_server(visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = region_of(tmp_path, [{"name": "one"}])
    files = RegionFiles(write_finished(config))
    raster = files.experiment("one").folder / "maps/soc.tif"
    write_raster(raster, np.full((30, 40), 1.0, "float32"), WEST, NORTH, STEP)
    monkeypatch.setattr(explorer, "MOST_CELLS", 300)
    without_models(monkeypatch)
    report(config, files.folder, files.report, files.figures)
    with map_server(files.folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        served = Visit(visit.page.context.browser, f"http://127.0.0.1:{server.server_address[1]}/report/index.html")
        served.page.wait_for_selector(".explorer[data-refined]", timeout=20_000)
        assert "one cell of 2 × 2" in served.page.locator('[data-part="legends"]').inner_text()
        assert served.colour(0.5, 0.6)[2] > 200  # 1 kg m-3 is nearly white, the overview has 30 kg m-3
        served.page.close()
        server.shutdown()
        thread.join()
    assert served.messages == []


def test_nothing_was_asked_of_a_network_and_nothing_was_said(visit: Visit) -> None:
    others = {url.split("#")[0] for url in visit.requests if not url.startswith(("data:", "blob:", "about:"))}
    assert others <= {visit.address}
    assert visit.messages == []
