"""The recipes for metrics count, with the SDK of OpenTelemetry and with a client like that of Prometheus."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from fasm import Actions, Input, Runtime
from fasm.stores import MemoryStore

PAGE = Path(__file__).parents[2] / "docs" / "runtime.md"


def recipe(name: str) -> Any:
    """The class of this name in the page."""
    [source] = [
        body
        for body in re.findall(r"^```python[^\n]*\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
        if f"class {name}:" in body
    ]
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace[name]


class Adder:
    def stf(self, state: int, event: Input[int, int, str], actions: Actions[int, str]) -> int:
        return state + 1

    def restore(self, state: int, actions: Actions[int, str]) -> None: ...


def run_with(metrics: Any) -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Runtime(
            Adder(), initial=int, store=store, execute=lambda *_: "done", metrics=metrics
        ) as runtime:
            for key in ("a", "b", "a"):
                await runtime.submit(1, key=key)

    asyncio.run(main())


class Instrument:
    """Of the kind of `prometheus_client`: one child for each value of its label."""

    def __init__(self, name: str, documentation: str, labelnames: list[str]) -> None:
        assert re.fullmatch("[a-z_]+", name)
        assert documentation
        self.labelnames = labelnames
        self.counts = Counter[str]()
        self.values: dict[str, list[float]] = {}

    def labels(self, *values: str) -> Any:
        [name] = values
        assert self.labelnames == ["name"]
        return _Child(self, name)


class _Child:
    def __init__(self, of: Instrument, name: str) -> None:
        self._of = of
        self._name = name

    def inc(self, amount: float = 1) -> None:
        self._of.counts[self._name] += int(amount)

    def observe(self, amount: float) -> None:
        self._of.values.setdefault(self._name, []).append(amount)


def test_the_recipe_for_prometheus_counts() -> None:
    metrics = recipe("Prometheus")(Instrument, Instrument)
    run_with(metrics)
    assert metrics.counter.counts == {"accepted": 2, "repeated": 1}
    assert [value > 0 for value in metrics.histogram.values["commit_s"]] == [True] * 3


def test_the_recipe_for_opentelemetry_counts() -> None:
    reader = InMemoryMetricReader()
    run_with(recipe("OpenTelemetry")(MeterProvider([reader]).get_meter("fasm")))
    data = reader.get_metrics_data()
    assert data is not None
    found = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    counts = {dict(point.attributes or {})["name"]: point.value for point in found["fasm.events"].data_points}  # type: ignore[union-attr]
    assert counts == {"accepted": 2, "repeated": 1}
    [point] = found["fasm.values"].data_points
    assert point.count == 3  # type: ignore[union-attr]
