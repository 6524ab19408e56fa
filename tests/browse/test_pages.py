"""The pages in Debian's chromium: what a person does, by mouse and by keyboard. Screenshots lie in ``artifacts/browse``.

Every test ends with no error on the console and no request that left the machine.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browse.conftest import serving
from tests.browse.places import ATTEMPTS, PROMPTS, RUN, begun_run, full_run, going_on
from tracegen.browse.place import open_run

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
expect = playwright.expect

CHROMIUM = shutil.which("chromium")
SHOTS = Path(__file__).parents[2] / "artifacts" / "browse"
ROWS = PROMPTS * ATTEMPTS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    # The browser's connections close when its garbage is collected, which may be after a test.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page, and what must not happen on it."""

    def __init__(self, context: playwright.BrowserContext) -> None:
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        context.on("request", self._asked)

    def _asked(self, request: playwright.Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            self.strangers.append(request.url)


@pytest.fixture
def watched(browser: playwright.Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    context.set_default_timeout(15_000)
    watched = Watched(context)
    yield watched
    context.close()
    assert watched.errors == []
    assert watched.strangers == []


@pytest.fixture
def page(watched: Watched) -> playwright.Page:
    return watched.page


@pytest.fixture(scope="module")
def url(full_store: Path) -> Iterator[str]:
    with serving(open_run(str(full_store), RUN)) as url:
        yield url


@pytest.fixture
def own_url(tmp_path: Path) -> Iterator[str]:
    """A run that a test may write notes to."""
    full_run(str(tmp_path / "store"), tmp_path)
    with serving(open_run(str(tmp_path / "store"), RUN)) as url:
        yield url


def shot(page: playwright.Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def at_list(page: playwright.Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".rows tbody tr").first).to_be_visible()
    expect(page.locator(".facets fieldset").first).to_be_visible()


def serious(page: playwright.Page) -> list[str]:
    """What axe-core finds that keeps somebody out."""
    found = axe.Axe().run(page).response["violations"]
    worst = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['target']}" for one in worst for node in one["nodes"]]


def current(page: playwright.Page) -> str:
    return page.locator("h1").inner_text()


def test_open_filter_and_page(page: playwright.Page, url: str) -> None:
    at_list(page, url)
    expect(page.locator(".status")).to_contain_text(f"{ROWS} traces")
    expect(page.locator(".rows tbody tr")).to_have_count(50)
    expect(page.locator(".opening").first).not_to_contain_text(".0000")
    shot(page, "list")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    page.get_by_label("math").check()
    expect(page.locator(".status")).to_contain_text("80 traces")
    page.get_by_label("incorrect").check()
    expect(page.locator(".rows tbody .outcome.correct")).to_have_count(0)
    assert "domain=math" in page.url
    assert "outcome=incorrect" in page.url
    assert "after" not in page.url
    page.go_back()
    expect(page.get_by_label("incorrect")).not_to_be_checked()
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator(".status")).to_contain_text(f"{ROWS} traces")


def test_order_and_length(page: playwright.Page, url: str) -> None:
    at_list(page, url)
    page.get_by_label("Order").select_option("longest")
    expect(page.locator(".rows tbody td[data-label=Tokens]").first).to_have_text("600,000")
    page.get_by_label("from").fill("1000")
    page.get_by_label("to").fill("2000")
    page.get_by_role("button", name="Set").click()
    expect(page.locator(".rows tbody td[data-label=Tokens]").first).to_contain_text("1,")


def test_search_streams_what_it_finds(page: playwright.Page, url: str) -> None:
    at_list(page, url)
    page.keyboard.press("/")
    page.keyboard.type("attempt 2**")
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_contain_text("40 found")
    expect(page.locator(".rows tbody tr")).to_have_count(40)
    shot(page, "search")
    page.locator(".rows tbody a").first.click()
    expect(page.get_by_role("heading", name="Prompt", exact=True)).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#q")).to_have_value("attempt 2**")
    expect(page.locator(".status")).to_contain_text("40 found")
    page.locator("#q").fill("no such words")
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_contain_text("no prompt and no trace has this text")


def test_a_trace_by_keyboard_alone(page: playwright.Page, url: str) -> None:
    at_list(page, f"{url}/?domain=math")
    for key in ("j", "j", "k", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("h1")).to_contain_text(f"of {ATTEMPTS}")
    first = page.url
    page.keyboard.press("r")
    expect(page.locator("#reasoning")).to_have_attribute("open", "")
    expect(page.locator("#reasoning math").first).to_be_visible()
    expect(page.locator("#reasoning pre code")).to_contain_text("def squares")
    shot(page, "trace")
    page.wait_for_url(lambda to: "reasoning=open" in to)
    page.keyboard.press("]")
    page.wait_for_url(lambda to: to.partition("?")[0] != first.partition("?")[0])
    assert "reasoning=open" in page.url
    page.keyboard.press("[")
    page.wait_for_url(lambda to: to.partition("?")[0] == first.partition("?")[0])
    expect(page.locator("[aria-current=page]")).to_have_count(1)
    page.keyboard.press("j")
    page.wait_for_url(lambda to: to.partition("?")[0] != first.partition("?")[0])
    # Before the next trace is drawn.
    page.keyboard.press("k")
    page.wait_for_url(lambda to: to.partition("?")[0] == first.partition("?")[0])
    page.keyboard.press("s")
    expect(page.locator("#as")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("math")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    shot(page, "keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.locator(".status")).to_contain_text("80 traces")


def test_everything_is_reached_by_tab(page: playwright.Page, url: str) -> None:
    at_list(page, url)
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.textContent"
            )
        )
    assert seen[0].startswith("Skip")
    assert {"q", "help-button", "outcome", "domain", "min", "max", "sort"} <= set(seen)


def test_a_note_is_there_after_a_reload_and_under_its_link(page: playwright.Page, own_url: str) -> None:
    at_list(page, f"{own_url}/?outcome=correct")
    page.locator(".rows tbody a").first.click()
    expect(page.locator("#notes")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("the proof has a <b>gap</b> \u202e")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator(".said")).to_contain_text("Kept as wrong")
    link = page.url
    page.reload()
    expect(page.locator("#note")).to_have_value("the proof has a <b>gap</b> \u202e")
    expect(page.get_by_label("wrong")).to_be_checked()
    shot(page, "note")
    page.goto(f"{own_url}/?mark=wrong")
    expect(page.locator(".rows tbody tr")).to_have_count(1)
    expect(page.locator(".mark.wrong")).to_be_visible()
    page.goto(link)
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".said")).to_contain_text("Taken back")
    page.reload()
    expect(page.locator("#note")).to_have_value("")


def test_a_deep_link_shows_the_same(page: playwright.Page, url: str) -> None:
    at_list(page, f"{url}/?domain=math&outcome=correct")
    page.locator(".rows tbody a").nth(3).click()
    expect(page.locator("h1")).to_contain_text("Attempt")
    page.keyboard.press("r")
    page.wait_for_url(lambda to: "reasoning=open" in to)
    link, title = page.url, current(page)
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator("h1")).to_contain_text("Attempt")
    assert current(other) == title
    expect(other.locator("#reasoning")).to_have_attribute("open", "")
    other.keyboard.press("u")
    expect(other.locator("input[name=outcome][value=correct]")).to_be_checked()


def test_a_link_to_nothing_says_so(page: playwright.Page, watched: Watched, url: str) -> None:
    page.goto(f"{url}/trace/nobody")
    expect(page.get_by_role("alert")).to_contain_text("no row 'nobody'")
    # Chromium itself reports the 404.
    assert all("404" in error for error in watched.errors)
    watched.errors.clear()


def test_hostile_traces_are_inert_and_quick(page: playwright.Page, url: str) -> None:
    at_list(page, f"{url}/?sort=longest&min=500000")
    began = time.monotonic()
    page.locator(".rows tbody a").first.click()
    expect(page.locator("#reasoning")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("#reasoning .text")).to_be_visible()
    expect(page.locator("#reasoning .text")).to_contain_text("<script>window.broken")
    assert time.monotonic() - began < 5
    expect(page.locator("#reasoning .control").first).to_have_text("RLO")
    expect(page.locator("#reasoning .broken").first).to_be_attached()
    shot(page, "hostile")
    began = time.monotonic()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("button", name="Show more")).to_be_visible()
    assert time.monotonic() - began < 5
    inside = ", ".join(f".text {one}" for one in ("script", "img", "[style]", "[onerror]", "a", "iframe", "[href]"))
    found = page.locator(inside).evaluate_all("all => all.map(one => one.outerHTML.slice(0, 200))")
    assert found == []
    assert page.evaluate("window.broken") is None
    assert page.title() != "broken"


def test_an_empty_run_and_one_that_goes_on(page: playwright.Page, tmp_path: Path) -> None:
    store = begun_run(str(tmp_path / "store"), tmp_path)
    with serving(open_run(str(tmp_path / "store"), RUN)) as url:
        page.goto(url)
        expect(page.locator(".status")).to_contain_text("There is no trace here yet")
        going_on(store, time.time())
        page.reload()
        expect(page.locator("#standing")).to_contain_text("going on: 0 of 4 shards are settled")
        expect(page.locator(".status")).to_contain_text("in the journal")
        shot(page, "going-on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_keeps_anybody_out(page: playwright.Page, url: str, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{url}/?domain=math")
    expect(page.locator(".rows tbody tr").first).to_be_visible()
    expect(page.locator(".opening").first).not_to_contain_text(".0000")
    assert serious(page) == []
    shot(page, f"list-{scheme}-{width}")
    page.locator(".rows tbody a").first.click()
    expect(page.locator("#reasoning")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("#reasoning math").first).to_be_visible()
    assert serious(page) == []
    # At 320 px, which is 1280 px at 400 %, nothing needs scrolling sideways.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot(page, f"trace-{scheme}-{width}")


def test_another_machine_needs_the_token(page: playwright.Page, watched: Watched, full_store: Path) -> None:
    with serving(open_run(str(full_store), RUN), "0.0.0.0", "sesame") as printed:
        url = printed.replace("0.0.0.0", "127.0.0.1")
        assert page.goto(url.partition("?")[0]).status == 403
        at_list(page, url)
        assert "token" not in page.url
        page.reload()
        expect(page.locator(".rows tbody tr").first).to_be_visible()
        # Chromium itself reports the 403, of the page and of its icon.
        assert all("403" in error for error in watched.errors)
        watched.errors.clear()
