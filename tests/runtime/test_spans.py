"""Goal: with an SDK of OpenTelemetry configured, one can follow an input to its effect and to its result.

The trace of an effect goes on in another process, though nothing is stored for it.
"""

import asyncio
import logging
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import StatusCode

from tests.runtime.bank import (
    Break,
    Charged,
    Gate,
    Pay,
    Payments,
    Poor,
    World,
    bank,
    fails,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import run, settle


@pytest.fixture
def provide(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Configures an SDK, as an application would: for the whole process, but here for one test."""

    def configure(**options: Any) -> InMemorySpanExporter:
        exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False, **options)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
        return exporter

    return configure


@pytest.fixture
def spans(provide: Any) -> InMemorySpanExporter:
    return provide()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def of(span: ReadableSpan) -> Any:
    assert span.context is not None
    return span.context


def test_a_transition_is_part_of_the_trace_of_its_caller(spans: InMemorySpanExporter) -> None:
    async def main() -> None:
        tracer = trace.get_tracer_provider().get_tracer("test")
        async with bank() as runtime:
            with tracer.start_as_current_span("request"):
                await runtime.submit(Pay(5), instance="eu")
                await runtime.submit(Pay(6), instance="eu", key="k")

    run(main())
    [request] = named(spans, "request")
    callers = [span for span in named(spans, "Payments transition") if span.attributes["fasm.event"] == "Pay"]  # type: ignore[index]
    assert [span.attributes["fasm.revision"] for span in callers] == [1, 3]  # type: ignore[index]
    for span in callers:
        assert of(span).trace_id == of(request).trace_id
        assert span.parent is not None
        assert span.parent.span_id == of(request).span_id
        assert span.attributes is not None
        assert span.attributes["fasm.instance"] == "eu"
        assert span.attributes["fasm.machine"] == "Payments"
        assert span.attributes["fasm.outcome"] == "accepted"


def test_an_effect_is_one_trace_linked_with_what_emitted_it(spans: InMemorySpanExporter) -> None:
    world = World(fails(1))

    async def main() -> None:
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5), instance="eu")
            await runtime.drain()

    run(main())
    emission, completion = named(spans, "Payments transition")
    first, second = named(spans, "Payments Charge")
    key = world.calls[0].key
    assert {of(span).trace_id for span in (first, second, completion)} == {int(key, 16)}
    assert [link.context.trace_id for link in emission.links] == [int(key, 16)]
    assert [link.context.span_id for link in first.links] == [of(emission).span_id]
    assert [link.context.span_id for link in completion.links] == [of(emission).span_id]
    assert first.attributes is not None
    assert dict(first.attributes) == {
        "fasm.machine": "Payments",
        "fasm.instance": "eu",
        "fasm.revision": 1,
        "fasm.action_id": "1",
        "fasm.action": "Charge",
        "fasm.attempt": 1,
        "fasm.key": key,
    }
    assert first.status.status_code is StatusCode.ERROR
    assert [event.name for event in first.events] == ["exception"]
    assert second.attributes is not None
    assert second.attributes["fasm.attempt"] == 2
    assert second.status.is_ok


def test_the_trace_of_an_effect_goes_on_after_a_crash(spans: InMemorySpanExporter) -> None:
    store = memory()

    async def first() -> None:
        runtime = await opened(store, World(never))
        await runtime.submit(Pay(5), instance="eu")
        await settle()
        store.kill()

    run(first())

    async def second() -> None:
        async with bank(store.peer()) as runtime:
            await runtime.drain()

    run(second(), at_s=100)
    tries = [span for span in spans.get_finished_spans() if "fasm.attempt" in (span.attributes or {})]
    completion = named(spans, "Payments transition")[-1]
    assert completion.attributes is not None
    assert completion.attributes["fasm.event"] == "Charged"
    assert len(tries) == 2
    assert len({of(span).trace_id for span in [*tries, completion]}) == 1
    linked = named(spans, "Payments transition")[0].links
    assert [link.context.trace_id for link in linked] == [of(completion).trace_id]


def test_what_a_handler_does_is_inside_of_its_try(spans: InMemorySpanExporter) -> None:
    async def answer(call: Any) -> Charged:
        await asyncio.sleep(1)
        with trace.get_tracer_provider().get_tracer("test").start_as_current_span("http"):
            return Charged()

    async def main() -> None:
        async with bank(world=World(answer)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Pay(6))
            await runtime.drain()

    run(main())
    tries = {of(span).span_id: of(span).trace_id for span in named(spans, "Payments Charge")}
    inner = {span.parent.span_id: of(span).trace_id for span in named(spans, "http") if span.parent}
    assert inner == tries
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("value", "error", "outcome", "status"),
    [
        (Pay(5_000), Poor, "rejected", StatusCode.UNSET),
        (Break(), RuntimeError, "broken", StatusCode.ERROR),
    ],
)
def test_a_transition_that_fails_says_how(
    spans: InMemorySpanExporter, value: Any, error: type[Exception], outcome: str, status: StatusCode
) -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(error):
                await runtime.submit(value)

    logging.disable()
    try:
        run(main())
    finally:
        logging.disable(logging.NOTSET)
    [span] = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["fasm.outcome"] == outcome
    assert span.status.status_code is status
    [event] = span.events
    assert event.attributes is not None
    assert str(event.attributes["exception.type"]).endswith(error.__name__)


def test_a_repeat_and_a_result_that_is_not_taken_are_told_apart(spans: InMemorySpanExporter) -> None:
    async def main() -> None:
        async with bank() as runtime:
            await runtime.submit(Gate(False))
            await runtime.submit(Pay(5), key="k")
            await runtime.submit(Pay(5), key="k")
            await settle()
            await runtime.submit(Gate(True))
            await runtime.drain()

    run(main())
    outcomes = [
        (span.attributes["fasm.event"], span.attributes["fasm.outcome"])
        for span in named(spans, "Payments transition")
    ]  # type: ignore[index]
    assert ("Pay", "repeated") in outcomes
    assert ("Charged", "rejected") in outcomes
    assert outcomes[-1] == ("Charged", "accepted")


def test_what_the_sampler_of_the_user_leaves_out_stays_out(provide: Any) -> None:
    spans = provide(sampler=ParentBased(ALWAYS_OFF))

    async def main() -> None:
        async with bank() as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    run(main())
    assert spans.get_finished_spans() == ()


def test_without_a_configured_sdk_no_span_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = trace.ProxyTracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: proxy)
    monkeypatch.setattr(proxy, "get_tracer", lambda *_: pytest.fail("a span would go nowhere"))

    async def main() -> None:
        async with bank() as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    run(main())


def test_neither_the_simulator_nor_the_runtime_imports_opentelemetry_by_itself() -> None:
    program = """
import asyncio, sys
import fasm
from fasm.examples import payments
from fasm.runtime import Runtime
from tests.runtime.bank import Pay, bank
from tests.runtime.virtual import run

async def main():
    async with bank() as runtime:
        await runtime.submit(Pay(5))
        await runtime.drain()

run(main())
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["handler", "stf"])
def test_the_span_of_what_ends_the_process_is_told_too(
    spans: InMemorySpanExporter, ends: type[BaseException], where: str
) -> None:
    def leave(*_: object) -> Any:
        raise ends

    class Leaving(Payments):
        def take(self, state: Any, value: Any, actions: Any) -> None:
            if where == "stf":
                leave()
            super().take(state, value, actions)

    async def main() -> None:
        async with bank(world=World(leave), machine=Leaving()) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    with pytest.raises(ends):
        run(main())
    [span] = named(spans, "Payments Charge" if where == "handler" else "Payments transition")
    assert span.status.status_code is StatusCode.ERROR
