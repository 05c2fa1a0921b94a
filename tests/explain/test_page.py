"""A failure as a page: everything a reader needs stands in it, and nothing that a repr says can do harm."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Failure, Faults, Rng, TrackedAction, Verdict
from fasm.cli import main
from fasm.errors import InvalidArgument
from fasm.sim.html import render, write_page
from tests.examples import broken_coffee_shop, broken_dentist, broken_payments
from tests.examples.faults import HEAVY, NONE, only
from tests.examples.test_broken_twins import TWINS
from tests.explain.failures import failure_of
from tests.explain.test_timeline import HOSTILE, Order, Shop, ShopMachine, ShopScenario

EVIL = "</title></style></pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;" + HOSTILE
VOID = {"meta", "br"}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "main", "article", "section", "h1", "h2", "h3"),
    *("div", "span", "b", "i", "small", "code", "pre", "details", "summary", "table", "tr", "th", "td"),
}


class Page(HTMLParser):
    """Reads a page, and insists on every element being closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self._open.append(f"{tag}.{given['class']}" if "class" in given else tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append((tuple(self._open), data))

    def within(self, place: str) -> str:
        """The text within elements of that kind, `div.row broken` for example."""
        return " ".join(text for path, text in self.texts if place in path)


ALL = {
    "payments": (broken_payments.GivesUpScenario, HEAVY),
    "coffee shop": (broken_coffee_shop.CancelsScenario, NONE),
    "dentist": (broken_dentist.UpstreamDentistScenario, only(duplicate=0.2)),
}


@pytest.mark.parametrize(("scenario", "faults"), ALL.values(), ids=ALL)
def test_every_step_is_there_with_what_happened_in_it(scenario: type[Any], faults: Faults) -> None:
    failure = failure_of(scenario, faults)
    text = " ".join(" ".join(text for _, text in Page(render(failure)).texts).split())
    for step in failure.steps:
        for said in (step.value, step.action, step.answer, step.source, step.error, *map(str, step.faults)):
            assert said in text
        for emitted in (*step.emitted, *(step.restored or ())):
            assert emitted.action in text


def test_the_breaking_step_is_expanded_with_the_places_that_changed() -> None:
    failure = failure_of(broken_payments.GivesUpScenario, HEAVY)
    page = Page(render(failure))
    broken = page.within("div.row broken")
    assert f"Here breaks {failure.law}" in broken
    assert failure.message in broken
    table = page.within("table").split()
    assert table[:5] == ["changed", "in", "the", "state", "before"]
    for said in (".available", "999", "1000", ".pending[1]", "nothing"):
        assert said in page.within("table")
    assert failure.message in page.within("div.card")
    assert str(failure.likely) in page.within("div.facts likely")


def test_what_leads_to_it_is_at_hand_too() -> None:
    failure = dataclasses.replace(
        failure_of(broken_payments.GivesUpScenario, HEAVY),
        replay="fasm replay .fasm/x.json",
    )
    page = Page(render(failure))
    assert page.within("code.copy") == "fasm replay .fasm/x.json"
    assert "\n".join(failure.timeline) in page.within("details")


def test_arrows_lead_from_lane_to_lane_and_ids_have_tracks() -> None:
    page = Page(render(failure_of(broken_payments.GivesUpScenario, HEAVY)))
    classes = [attributes.get("class", "") for _, attributes in page.tags]
    for wire in ("wire solid right", "wire solid left", "wire dashed right"):
        assert wire in classes
    for dot in ("dot opened", "dot asked", "dot answered", "dot taken"):
        assert dot in classes
    assert "track" in classes


class EvilScenario(ShopScenario):
    text = EVIL
    answer = EVIL

    @fasm.always
    def few(self, state: Shop) -> None:
        assert len(state.notes) < 2, EVIL


class EvilId(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return EVIL


class EvilMachine(ShopMachine):
    name = "<b>machine</b>"

    def stf(self, state: Any, event: Any, actions: Any) -> None:
        if isinstance(event, fasm.Normal):
            actions.tracked(EvilId(f"id {len(state.orders)}"), event.value)
            actions.untracked(EVIL)
            state.orders[EvilId(len(state.orders))] = event.value
        else:
            state.notes.append(event.result)

    def restore(self, state: Any, actions: Any) -> None: ...


class EvilEverywhere(EvilScenario):
    machine = EvilMachine()

    def execute(self, rng: Rng, action: TrackedAction[Any, Order]) -> str:
        return EVIL


@pytest.mark.parametrize("scenario", [EvilScenario, EvilEverywhere])
def test_what_a_repr_says_stays_text(scenario: type[Any]) -> None:
    failure = failure_of(scenario, NONE)
    html = render(failure)
    page = Page(html)
    assert {name for name, _ in page.tags} <= OURS
    assert not any(key.startswith("on") or key in ("src", "href") for _, given in page.tags for key in given)
    assert "alert(1)" in " ".join(text for _, text in page.texts)
    assert all(line.isprintable() for line in html.splitlines())


def test_nothing_is_loaded_and_nothing_runs() -> None:
    html = render(failure_of(broken_payments.GivesUpScenario, HEAVY))
    policy = [given["content"] for _, given in Page(html).tags if "Security" in given.get("http-equiv", "")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    for word in ("<script", "http://", "https://", "url(", "@import"):
        assert word not in html


def test_there_is_a_light_and_a_dark_page() -> None:
    assert "@media (prefers-color-scheme: dark)" in render(failure_of(ShopScenario, NONE))


@pytest.mark.parametrize(
    ("scenario", "faults"), [(scenario, faults) for scenario, faults, _ in TWINS], ids=range(len(TWINS))
)
def test_every_kind_of_failure_can_be_drawn(scenario: type[Any], faults: Faults) -> None:
    Page(render(failure_of(scenario, faults)))


def test_a_failure_without_steps_shows_what_there_is() -> None:
    told = {"law": "determinism", "message": "a\nb", "trace": ("one", "two")}
    failure = Failure(seed=1, step=2, original_steps=3, **told)  # type: ignore[arg-type]
    page = Page(render(failure))
    assert "a\nb" in page.within("div.card")
    assert page.within("pre").endswith("one\ntwo")


def test_a_report_shows_its_failures_and_its_numbers() -> None:
    report = fasm.simulate(ShopScenario, seeds=5, steps=50, faults=NONE, check=False)
    page = Page(render(report))
    assert "FAILED: ShopScenario" in page.within("h1")
    assert "transitions: " in page.within("details")
    passed = dataclasses.replace(report, failures=(), verdict=Verdict.PASSED)
    assert "PASSED  ShopScenario" in Page(render(passed)).within("details")


def test_anything_else_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="told: got 'page', expected a Failure or a Report"):
        render("page")  # type: ignore[arg-type]


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    failure = dataclasses.replace(failure_of(ShopScenario, NONE), repro=".fasm/Shop-few-deliver-1a.json")
    assert write_page(tmp_path / "page.html", failure) == tmp_path / "page.html"
    assert write_page(tmp_path, failure).name == "Shop-few-deliver-1a.html"
    assert write_page(str(tmp_path / "stored.json"), failure).name == "stored.html"
    for path in tmp_path.iterdir():
        assert path.read_text(encoding="utf-8") == render(failure)
    with pytest.raises(InvalidArgument, match=r"path: cannot write .*nowhere"):
        write_page(tmp_path / "nowhere" / "page.html", failure)


def test_the_command_line_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "page.html"
    target = "tests.examples.broken_payments:AsksTooLateScenario"
    assert main(["simulate", target, "--html", str(place), "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"page: {place}\n"
    assert printed.out.startswith("{")
    assert "Here breaks exception" in Page(place.read_text(encoding="utf-8")).within("div.row broken")
