"""The report in a browser: it answers, sorts, draws, and fits the screen and the paper."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from reports import COMMAND, Edit, Open, Report, of_width

from nnexp.report import sections

SECTIONS = ["Question", "Answer", "Table", "Learning curves", "Parameters", "Runs", "Statistics", "Reproduce"]
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def column(page: Page, name: str) -> list[str]:
    """What stands in a column of the table, from the top; without the marks."""
    names = page.locator("table.sortable thead th").all_inner_texts()
    place = [text.strip() for text in names].index(name)
    cells = page.locator("table.sortable tbody tr").locator(f":nth-child({place + 1})").all()
    return [cell.get_attribute("data-sort") or "" for cell in cells if cell.evaluate("e => e.matches('td, th')")]


def lines(page: Page, section: str) -> int:
    """How many lines are drawn, and can be seen, in a section's charts."""
    return page.locator(f"#{section} .plot path.js-line").count()


def test_every_section_is_documented_in_the_order_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z][\w ]+) \|", page, re.MULTILINE)
    assert rows == [title for title, _ in sections.SECTIONS]


def test_the_report_answers_the_question_and_says_how_to_repeat_it(page: Page) -> None:
    assert page.title() == "Widths"
    assert page.locator("main > section > h2").all_inner_texts() == SECTIONS
    expect(page.locator("h1")).to_have_text("Does a wider layer read digits better?")
    expect(page.locator("#answer .lead")).to_contain_text("hidden=16")
    expect(page.locator("#answer .verdicts li")).to_have_count(1)
    expect(page.locator("#reproduce")).to_contain_text(COMMAND)
    expect(page.locator("#reproduce")).to_contain_text("keras")


def test_a_given_question_stands_in_place_of_the_descriptions(digits: list[Path], report: Report) -> None:
    text = report(*digits, question="Is 16 enough?").read_text()
    assert "<h1>Is 16 enough?</h1>" in text
    assert "<dt>description</dt><dd>Does a wider layer" in text
    assert text.count("Does a wider layer") == 1


def test_a_click_on_a_heading_sorts_both_ways_and_numbers_as_numbers(page: Page) -> None:
    head = page.locator("table.sortable th[scope=col]", has_text="hidden")
    head.get_by_role("button").click()
    assert column(page, "hidden") == ["16", "4"]
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").click()
    assert column(page, "hidden") == ["4", "16"]
    assert head.get_attribute("aria-sort") == "ascending"


def test_the_keyboard_sorts_too(page: Page) -> None:
    button = page.locator("table.sortable").get_by_role("button", name="loss", exact=False).first
    button.focus()
    page.keyboard.press("Enter")
    losses = [float(text) for text in column(page, "loss")]
    assert losses == sorted(losses, reverse=True)
    page.keyboard.press("Space")
    assert [float(text) for text in column(page, "loss")] == sorted(losses)


def test_rows_without_a_figure_stay_below(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    failed = edited(digits[0], tmp_path / "x", status="failed", error="no memory", config=of_width(8))
    page = opened(report(*digits, failed))
    head = page.locator("table.sortable th[scope=col]", has_text="accuracy").first
    for _ in range(2):
        head.get_by_role("button").click()
        assert column(page, "accuracy")[-1] == ""
        assert len(column(page, "accuracy")) == 3
    expect(page.locator("table.sortable")).to_contain_text("1 failed")
    expect(page.locator("#left-out")).to_contain_text("failed: no memory")


def test_curves_are_drawn_and_the_legend_hides_them(page: Page) -> None:
    curves = page.locator("#learning-curves")
    shown = lines(page, "learning-curves")
    assert shown >= 8  # two charts, two groups, training and validation
    curves.get_by_role("button", name="training").click()
    assert lines(page, "learning-curves") == shown - 4
    group = curves.locator("[data-group]").first
    group.click()
    expect(group).to_have_attribute("aria-pressed", "false")
    assert 0 < lines(page, "learning-curves") < shown - 4
    group.press("Enter")
    assert lines(page, "learning-curves") == shown - 4


def test_the_metric_is_drawn_along_the_parameter(page: Page) -> None:
    assert page.locator("#parameters .plot path.point").count() >= 2
    expect(page.locator("#parameters .xtitle")).to_have_text("hidden")
    expect(page.locator("#answer .plot path.point")).to_have_count(1)


def test_two_parameters_make_a_heat_map(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    longer = [edited(path, tmp_path / path.name, config=lambda old: {**old, "epochs": 30}) for path in digits]
    page = opened(report(*digits, *longer))
    cells = page.locator("#parameters .heatmaplayer text")
    expect(cells).to_have_count(4)
    assert all(0 < float(text) < 1 for text in cells.all_text_contents())


def test_nothing_sticks_out_of_the_page(digits: list[Path], trained: Path, report: Report, opened: Open) -> None:
    page = opened(report(*digits, trained / "iris"), **PHONE)
    for summary in page.locator("details > summary").all():
        summary.click()
    for width, height in ((360, 740), (768, 1024), (1600, 900)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


def test_a_dark_page_is_dark_and_can_be_read(digits: list[Path], report: Report, opened: Open) -> None:
    page = opened(report(*digits), color_scheme="dark")
    colour = "getComputedStyle(document.querySelector('%s')).%s.match(/\\d+/g).slice(0, 3).map(Number)"
    back = page.evaluate(colour % ("body", "backgroundColor"))
    for place in ("body", ".soft", ".key", "a"):
        assert contrast(page.evaluate(colour % (place, "color")), back) >= 4.5, place
    stroke = "getComputedStyle(document.querySelector('#learning-curves path.js-line')).stroke"
    dark = page.evaluate(stroke)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    paper = page.evaluate(stroke)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(stroke) == dark
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    assert page.evaluate(stroke) == paper != dark


def test_on_paper_what_is_open_is_told_in_full_and_tables_fit(
    digits: list[Path], trained: Path, report: Report, opened: Open
) -> None:
    page = opened(report(*digits, trained / "iris"), viewport={"width": 690, "height": 1000})
    configs = page.locator("pre.config")
    assert page.locator("table.sortable").evaluate("table => table.scrollWidth") > 690
    page.locator("details.run > summary").nth(1).click()
    few = pages(page)
    page.emulate_media(media="print")
    expect(page.locator("details.run > summary").last).to_be_visible()
    assert [told.is_visible() for told in configs.all()] == [False, True, False, False, False]
    expect(page.locator(".paper")).to_be_visible()
    expect(page.locator("nav")).to_be_hidden()
    assert page.locator("table.sortable").evaluate("table => table.scrollWidth") <= 690
    page.emulate_media(media="screen")
    expect(page.locator(".paper")).to_be_hidden()
    page.get_by_role("button", name="open all").click()
    assert page.locator("details.run .plot path.js-line").count() >= 4 * len(digits)
    assert pages(page) > few + 3
    page.get_by_role("button", name="close all").click()
    expect(configs.nth(1)).to_be_hidden()


def test_the_only_run_is_open(digits: list[Path], report: Report, opened: Open) -> None:
    page = opened(report(digits[0]))
    expect(page.locator("pre.config")).to_be_visible()
    assert page.locator("details.run .plot path.js-line").count() == 4


def test_the_details_of_a_run_are_not_cut_off_and_fill_the_page(
    digits: list[Path], trained: Path, report: Report, opened: Open
) -> None:
    for run in (digits[0], trained / "pictures"):  # of two classes there are more figures
        page = opened(report(run), viewport={"width": 1440, "height": 900})
        for table in page.locator(".details .scroll").all():
            assert table.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, table.get_attribute("aria-label")
        parts = page.locator(".details > section").evaluate_all("all => all.map(e => e.offsetHeight)")
        assert sum(parts) / page.locator(".details").evaluate("e => e.offsetHeight") > 1.6  # of two columns


def test_fifty_configurations_can_be_told(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    runs = [edited(digits[0], tmp_path / f"{units}", config=of_width(units)) for units in range(1, 51)]
    path = report(*runs)
    page = opened(path)
    expect(page.locator("table.sortable tbody tr")).to_have_count(50)
    expect(page.locator("#learning-curves [data-group]")).to_have_count(50)
    assert lines(page, "learning-curves") == 100
    page.locator("#learning-curves").get_by_role("button", name="hide all").click()
    assert lines(page, "learning-curves") == 0
    assert path.stat().st_size < 8e6


def test_of_very_many_runs_the_first_of_each_configuration_is_told_in_detail(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    runs = [edited(digits[0], tmp_path / f"{seed}", seed=seed) for seed in range(1, 110)]
    page = opened(report(*runs, digits[2]))
    expect(page.locator("details.run")).to_have_count(2)
    expect(page.locator("#runs .note")).to_contain_text("Of 110 runs")


def test_a_script_that_gets_into_the_page_is_not_run(digits: list[Path], report: Report, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(report(*digits).as_uri())
        blocked = page.evaluate(
            """() => new Promise(done => {
                document.addEventListener("securitypolicyviolation", event => done(event.violatedDirective));
                const script = document.createElement("script");
                script.textContent = "window.ran = true";
                document.body.append(script);
            })"""
        )
        assert blocked.startswith("script-src")
        assert page.evaluate("window.ran") is None


def pages(page: Page) -> int:
    """How many sheets of paper it takes."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", print_background=True)))


def contrast(first: list[int], second: list[int]) -> float:
    """The contrast ratio of two colours, as WCAG 2 defines it."""

    def luminance(colour: list[int]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
