"""How quickly a corpus or a run can be looked at, in a real browser: ``python benchmarks/browse.py RUN|CORPUS [--store S]``.

Each figure is the median of five. A filter is timed from the click to the new rows' and counts' being on the page.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from tracegen.browse.place import Place, open_corpus, open_run
from tracegen.browse.server import serve

TIMES = 5
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
SHOWN = ".rows tbody tr >> nth=0"


def served(place: Place) -> tuple[str, float]:
    """The URL, and the seconds until it answered. The server ends with this process."""
    urls: list[str] = []
    up = threading.Event()

    def ready(url: str) -> None:
        urls.append(url)
        up.set()

    began = time.monotonic()
    threading.Thread(target=lambda: asyncio.run(serve(place, "127.0.0.1", 0, "", ready)), daemon=True).start()
    up.wait()
    return urls[0].rstrip("/"), time.monotonic() - began


def timed(page: Page, url: str, act: Callable[[], None], path: str) -> float:
    """Seconds from an action until the answer of that path is there and drawn."""
    page.goto(url)
    page.wait_for_selector(SHOWN)
    page.wait_for_selector(".facets fieldset")
    with page.expect_response(lambda response: path in response.url) as rows:
        began = time.monotonic()
        act()
    rows.value.finished()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return time.monotonic() - began


def painted(page: Page, url: str) -> tuple[float, float]:
    """Seconds to the first paint, and to the first row."""
    began = time.monotonic()
    page.goto(url)
    page.wait_for_selector(SHOWN)
    return float(page.evaluate(PAINT)), time.monotonic() - began


def measured(page: Page, url: str) -> dict[str, float]:
    def median(measure: Callable[[], float]) -> float:
        return round(statistics.median(measure() for _ in range(TIMES)), 3)

    paints = [painted(page, url) for _ in range(TIMES)]
    found = {
        "first paint": round(statistics.median(paint for paint, _ in paints), 3),
        "first rows": round(statistics.median(rows for _, rows in paints), 3),
    }
    math = page.locator("input[name=domain][value=math]")
    found["filter: rows"] = median(lambda: timed(page, url, math.check, "/api/rows"))
    found["filter: counts"] = median(lambda: timed(page, url, math.check, "/api/counts"))
    sort = page.get_by_label("Order")
    found["order by length"] = median(lambda: timed(page, url, lambda: sort.select_option("longest"), "/api/rows"))
    following = page.get_by_role("link", name="Next")
    found["next page"] = median(lambda: timed(page, url, following.click, "/api/rows"))
    first = page.locator(".rows tbody a").first
    found["open a trace"] = median(lambda: timed(page, url, first.click, "/api/trace"))
    return found


def first_hit(page: Page, url: str, text: str) -> float:
    """Seconds from a search to its first row."""
    page.goto(url)
    page.wait_for_selector(SHOWN)
    page.fill("#q", text)
    began = time.monotonic()
    page.keyboard.press("Enter")
    page.wait_for_selector("progress, .status >> text=found")
    page.wait_for_selector(SHOWN)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("named")
    parser.add_argument("--store", default="./runs")
    parser.add_argument("--text", default="therefore", help="searched for")
    given = parser.parse_args()
    is_corpus = "/" in given.named or Path(given.named).is_dir()
    url, start_s = served(open_corpus(given.named) if is_corpus else open_run(given.store, given.named))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(url)
        rows = page.evaluate("fetch('/api/about').then(answer => answer.json()).then(about => about.rows)")
        found = {"rows": rows, "start": round(start_s, 2), **measured(page, url)}
        found["first hit of a search"] = round(first_hit(page, url, given.text), 3)
        browser.close()
    found["memory, MiB"] = round(psutil.Process().memory_info().rss / 2**20)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
