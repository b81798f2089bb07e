"""The report in a browser: it draws, asks for nothing, and tells the figures of SQL."""

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from conftest import DOMAIN, NOW, read, run

SCREENSHOTS = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "tools" / "screenshots"
# Far from UTC+8, and with daylight saving: the reader's own zone must not show.
ZONE = "America/New_York"

# How many colours a canvas shows; one that nothing was drawn on has one.
COLOURS = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) seen.add((data[at] << 16 | data[at + 1] << 8 | data[at + 2]) * 256 + data[at + 3]);
    return seen.size;
}"""


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(program, demo, tmp_path_factory) -> Path:
    return report_of(program, demo, tmp_path_factory.mktemp("report"))


def report_of(program, database, directory) -> Path:
    out = directory / "report.html"
    run(program, "--db", database, "report", out)
    return out


@pytest.fixture
def show(chromium):
    """Opens a page, and in the end holds that it complained of nothing and asked for nothing."""
    contexts, heard, asked = [], [], []

    def opened(path, width=1280, **more):
        context = chromium.new_context(viewport={"width": width, "height": 900}, timezone_id=ZONE, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', event => console.log('refused: ' + event.violatedDirective))"
        )
        page.goto(path.as_uri())
        assert asked.pop(0) == path.as_uri()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert heard == []
    assert asked == []


def keep(page, name):
    """A picture for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def assert_drawn(page, count=3):
    canvases = page.locator("canvas").all()
    assert len(canvases) == count
    for canvas in canvases:
        assert canvas.evaluate(COLOURS) > 10


def hover(page, chart, share):
    """Rests the pointer on a chart, at a share of its width."""
    over = chart.locator(".u-over")
    over.evaluate("found => found.scrollIntoView({block: 'center'})")
    box = over.bounding_box()
    for x in (share, share + 0.01):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] / 2)
    chart.locator(".tip").wait_for(state="visible")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_draws_at_every_width_and_in_both_colours(show, report, width, scheme):
    page = show(report, width, color_scheme=scheme)
    assert_drawn(page)
    assert fits(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
    keep(page, f"report-{scheme}-{width}")


def test_the_choice_of_colours_wins_over_the_systems(show, report):
    page = show(report, color_scheme="light")
    before = page.locator("canvas").first.evaluate(COLOURS)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert_drawn(page)
    assert before > 10
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_the_pointer_reads_the_exact_figures_of_a_point(show, report, demo):
    page = show(report)
    chart = page.locator("#traffic .chart").first
    chart.scroll_into_view_if_needed()
    over = chart.locator(".u-over")
    box = over.bounding_box()
    # A selection of a hundredth of a month: a few hours, which are shown point by point.
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 12, y, steps=4)
    page.mouse.up()
    assert "by 5 minutes" in page.locator("#traffic .telling").inner_text()
    page.mouse.move(x + 60, y)
    tip = chart.locator(".tip")
    tip.wait_for(state="visible")
    moment = tip.locator("strong").inner_text().removesuffix(" (UTC+8)")
    shown = {
        row.locator("th").inner_text(): row.locator(".exact").inner_text() for row in tip.locator("tr").all()
    }
    stored = dict(read(demo, "SELECT domain, bandwidth FROM origin_stats WHERE time_cst = ?", moment + ":00"))
    assert len(stored) == 3
    stored["Account"] = sum(stored.values())
    month = moment[:7]
    name = f"Account, 95 peak of {month}" + (" so far" if month == "2026-06" else "")
    ((stored[name],),) = read(demo, "SELECT bandwidth_95 FROM origin_account_monthly WHERE month_cst = ?", month)
    assert shown == {domain: f"{bandwidth:,} bit/s" for domain, bandwidth in stored.items()}
    keep(page, "report-zoomed")


def test_hours_and_days_are_those_of_the_rollups(show, report, demo):
    page = show(report)
    chart = page.locator("#traffic .chart").first
    for step, sql in [
        ("by hour", "SELECT bandwidth_avg, bandwidth_peak FROM origin_hourly WHERE domain = ? AND hour_cst LIKE ? || '%'"),
        ("by day", "SELECT bandwidth_avg, bandwidth_peak FROM origin_daily WHERE domain = ? AND date_cst = ?"),
    ]:
        page.get_by_label("Steps").select_option(label=step)
        hover(page, chart, 0.4)
        moment = chart.locator(".tip strong").inner_text()
        rows = chart.locator(".tip tr").all()
        exact = [int(re.sub(r"\D", "", row.locator(".exact").inner_text().removesuffix(" bit/s"))) for row in rows[:4]]
        when = moment[:13] if step == "by hour" else moment[:10]
        # The account comes first, from relations of its own.
        assert rows[0].locator("th").inner_text() == "Account, average"
        account = sql.replace("origin_", "origin_account_").replace("domain = ?", "? = 'Account'")
        domain = rows[2].locator("th").inner_text().removesuffix(", average")
        for name, of, shown in [("Account", account, exact[:2]), (domain, sql, exact[2:])]:
            average, peak = read(demo, of, name, when)[0]
            assert shown == [pytest.approx(average, abs=0.51), peak]


def test_the_view_moves_by_mouse_wheel_and_keyboard_and_comes_back(show, report):
    page = show(report)
    telling = page.locator("#traffic .telling")
    whole = telling.inner_text()
    chart = page.locator("#traffic .chart").first
    chart.scroll_into_view_if_needed()
    box = chart.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function("whole => document.querySelector('#traffic .telling').textContent !== whole", arg=whole)
    zoomed = telling.inner_text()
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 50, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    moved = telling.inner_text()
    assert len({whole, zoomed, moved}) == 3
    page.mouse.dblclick(box["x"] + 300, box["y"] + 50)
    assert telling.inner_text() == whole
    chart.focus()
    page.keyboard.press("ArrowRight")
    read_out = r"2026-0\d-\d\d \d\d:00–\d\d:59 \(UTC\+8\): Account, average .+ bit/s; .+download.example.com, average .+ bit/s"
    assert re.match(read_out, page.locator("#live").inner_text())
    page.keyboard.press("+")
    assert telling.inner_text() != whole
    page.keyboard.press("0")
    assert telling.inner_text() == whole


def test_domains_can_be_chosen_and_summed(show, report, demo):
    page = show(report)
    page.get_by_label("Show Account").uncheck()
    page.get_by_role("button", name="Show no domain").click()
    assert "No domain is chosen" in page.locator("#traffic .legend").inner_text()
    page.get_by_label("Show Account").check()
    page.get_by_label("95 peaks").uncheck()
    # The account is shown from the start, and stays.
    assert page.locator("#traffic .legend li").all_inner_texts() == ["Account"]
    page.get_by_label("Steps").select_option(label="by 5 minutes")
    chart = page.locator("#traffic .chart").first
    hover(page, chart, 0.6)
    moment = chart.locator(".tip strong").inner_text().removesuffix(" (UTC+8)")
    total = read(demo, "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst = ?", moment + ":00")[0][0]
    assert chart.locator(".tip .exact").inner_text() == f"{total:,} bit/s"


def test_the_months_of_the_account_stand_side_by_side_and_the_running_one_is_marked(show, report, demo):
    page = show(report)
    table = page.locator("#bill table.side")
    months = read(
        demo,
        "SELECT month_cst, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes "
        "FROM origin_account_monthly ORDER BY month_cst DESC",
    )
    # The newest month first. The demo ends in the middle of June.
    assert [month for month, *_ in months] == table.locator("thead .month").all_inner_texts() == ["2026-06", "2026-05"]
    assert table.locator("thead .badge").all_inner_texts()[0] == "running"
    measures = table.locator("tbody tr").all()[:5]
    for at, row in enumerate(measures, start=1):
        unit = "bytes" if at == 5 else "bit/s"
        titles = [cell.get_attribute("title") for cell in row.locator("td").all()]
        assert titles == [f"{round(month[at]):,} {unit}" for month in months]
        assert "so far" in row.locator("td").first.inner_text()
    # One unit for a row, so that the months can be compared.
    assert [row.locator("th .unit").inner_text() for row in measures] == ["Gbit/s"] * 4 + ["PB"]
    page.get_by_label("Unit").select_option(label="Mbit/s of 2^20 and GiB (vendor's pages)")
    shown = table.locator("tbody tr").first.locator(".figure").first.inner_text()
    assert float(shown.replace(",", "")) == pytest.approx(months[0][1] / 2**20, abs=0.006)


def test_the_bill_of_a_month_names_every_domain_the_account_first(show, report, demo):
    page = show(report)
    page.locator("#bill select").nth(2).select_option("2026-05")
    stored = {
        domain: f"{p95:,} bit/s"
        for domain, p95 in read(demo, "SELECT domain, bandwidth_95 FROM origin_monthly WHERE month_cst = '2026-05'")
    }
    (account,) = read(demo, "SELECT bandwidth_95 FROM origin_account_monthly WHERE month_cst = '2026-05'")
    stored["Account"] = f"{account[0]:,} bit/s"
    rows = page.locator("#bill table.cards tbody tr").all()
    shown = {row.locator("th").inner_text(): row.locator("td").first.get_attribute("title") for row in rows}
    assert shown == stored
    # However it is sorted.
    for _ in range(2):
        assert rows[0].locator("th").inner_text() == "Account"
        page.locator("#bill").get_by_role("button", name="Domain").click()
        rows = page.locator("#bill table.cards tbody tr").all()


def test_the_whole_bill_can_be_read_on_a_phone(show, report):
    page = show(report, 390)
    # Two months and their names fit side by side, and no row of the table of domains is wider than the screen.
    for selector in ["#bill table.side thead th:nth-child(-n+3)", "#bill table.cards tr > *"]:
        for box in [cell.bounding_box() for cell in page.locator(selector).all() if cell.is_visible()]:
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    labels = page.locator("#bill table.cards tbody tr").first.locator("td").evaluate_all(
        "cells => cells.map(cell => getComputedStyle(cell, '::before').content)"
    )
    assert labels[0] == '"95 peak, Gbit/s"' and labels[-1] == '"State"'


# The red of a pixel of the first chart, at a share of its width and a height in pixels.
PIXELS = """canvas => {
    const {data, width, height} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({length: width}, (_, x) => Array.from({length: height}, (_, y) => data.slice((y * width + x) * 4, (y * width + x) * 4 + 3).join()));
}"""


def test_the_95_line_is_drawn_and_the_running_day_is_shaded(show, report):
    page = show(report)
    page.get_by_role("button", name="Show no domain").click()
    page.get_by_label("Steps").select_option(label="by day")
    canvas = page.locator("#traffic canvas").first
    with_line = canvas.evaluate(PIXELS)
    assert "95 peak of each month: Account" in page.locator("#traffic .legend").inner_text()
    page.get_by_label("95 peaks").uncheck()
    without = canvas.evaluate(PIXELS)
    # The line goes through the whole chart: most columns differ.
    changed = sum(one != other for one, other in zip(with_line, without))
    assert changed > 0.5 * len(without)
    # A column of the running day has another ground than one of May.
    chart = page.locator("#traffic .chart").first
    hover(page, chart, 0.97)  # of thirty-one days
    assert "so far" in chart.locator(".tip strong").inner_text()
    box, over = canvas.bounding_box(), chart.locator(".u-over").bounding_box()

    def ground(share):
        column = without[round((over["x"] - box["x"] + over["width"] * share) * len(without) / box["width"])]
        return max(set(column), key=column.count)

    assert ground(0.2) != ground(0.9) != ground(0.99) != ground(0.2)


def test_every_code_says_what_it_means_and_origin_errors_are_counted_by_one_rule(show, report, demo):
    page = show(report)
    meanings = dict(read(demo, "SELECT code, meaning FROM origin_codes"))
    rows = page.locator("#codes tbody").first.locator("tr").all()
    shown = {row.locator("th").inner_text(): row.locator("td").first.inner_text() for row in rows}
    assert shown == {code: meanings[code] for code in shown} and {"200", "000"} <= shown.keys()
    errors, requests = read(
        demo,
        "SELECT (SELECT sum(requests) FROM origin_status_daily JOIN origin_codes USING (code) WHERE origin_error = 1), "
        "(SELECT sum(pv) FROM origin_account_daily)",
    )[0]
    tile = page.locator(".tile", has_text="Origin errors").inner_text()
    assert f"{errors:,} requests of class 5xx" in tile and f"{errors / requests * 100:.1f}"[:3] in tile


def test_what_is_missing_and_what_was_changed_shows(show, program, varied, tmp_path):
    page = show(report_of(program, varied, tmp_path))
    warned = page.locator("#summary .notice.warn").inner_text()
    count = read(varied, "SELECT count(*) FROM origin_restatements")[0][0]
    changed = page.locator("#restatements").inner_text()
    assert count > 0 and f"changed {count}" in changed.replace(",", "")
    assert "could not be used" in warned
    assert page.locator("#complete .state.unasked").count() > 0
    # 9 Tbit/s, with all its digits.
    assert page.locator("td[title='9,000,000,000,000 bit/s']").count() > 0
    keep(page, "report-varied")


def test_a_hostile_name_is_shown_as_it_is(show, program, varied, tmp_path):
    database = tmp_path / "hostile.db"
    with sqlite3.connect(varied) as source, sqlite3.connect(database) as copy:
        source.backup(copy)
        name = "</script><img src=x onerror=alert(1)>"
        copy.execute("UPDATE domain SET name = ? WHERE name = ?", (name, DOMAIN))
    source.close()
    copy.close()
    page = show(report_of(program, database, tmp_path))
    assert page.locator("img").count() == 0
    assert name in page.locator("#traffic tbody").inner_text()


def test_an_empty_database_is_told(show, program, tmp_path):
    database = tmp_path / "empty.db"
    run(program, "--db", database, "migrate")
    page = show(report_of(program, database, tmp_path))
    assert "The database is empty" in page.locator("#summary").inner_text()


def test_paper_is_light_and_holds_the_tables_whole(show, report, tmp_path):
    page = show(report, color_scheme="dark")
    page.emulate_media(media="print")
    page.wait_for_function("() => getComputedStyle(document.documentElement).colorScheme === 'light'")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#traffic .controls").first.is_visible()
    heights = "found => found.map(one => one.scrollHeight - one.clientHeight)"
    assert set(page.locator(".scroll").evaluate_all(heights)) == {0}
    page.emulate_media(media="screen")
    page.wait_for_function("() => getComputedStyle(document.documentElement).colorScheme === 'dark'")
    printed = page.pdf(format="A4", print_background=True, prefer_css_page_size=True)
    (SCREENSHOTS / "report.pdf").write_bytes(printed)
    assert printed.startswith(b"%PDF") and len(printed) > 30_000
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12


def test_the_headings_and_controls_have_names(show, report):
    page = show(report)
    assert page.locator("h1").count() == 1
    assert page.get_attribute("html", "lang") == "en"
    nameless = """() => [...document.querySelectorAll('button, input, select')].filter(found =>
        !(found.getAttribute('aria-label') || found.textContent.trim() || found.closest('label')?.textContent.trim())).length"""
    assert page.evaluate(nameless) == 0
    assert "UTC+8" in page.locator("#about").inner_text()
    data = json.loads(page.locator("#data").text_content())
    assert data["made"] >= NOW
