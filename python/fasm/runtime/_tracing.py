"""Spans of OpenTelemetry. Imported only where the process has imported OpenTelemetry and set a provider up.

Each effect has a trace of its own, whose id is the 128 bits of `Attempt.key`. So its tries and the
transition that takes its result are in one trace in whatever process they run, and nothing has to be stored.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from fasm.runtime._told import told

if TYPE_CHECKING:
    from fasm.attempt import Attempt
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance
    from fasm.runtime._outbox import Pending
    from fasm.runtime._plan import Plan

__all__ = ["Scope", "Tracing", "tracing"]

_MOST_LINKS = 100
"""How many emissions a transition is linked to: exporters drop more than about that."""


def tracing(host: Host) -> Tracing | None:
    """What makes spans; None where no SDK is configured, so that they would go nowhere."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        return None
    return Tracing(host, provider.get_tracer("fasm.runtime"))


class Scope:
    """A span that is the current one of this task until it ends."""

    __slots__ = ("_token", "span")

    def __init__(self, span: trace.Span) -> None:
        self.span = span
        self._token = context.attach(trace.set_span_in_context(span))

    def end(self, error: BaseException | None = None, *, failed: bool = True, **attributes: Any) -> None:
        """Ends it, with what went wrong. `failed` tells whether the error is one for the span as a whole."""
        context.detach(self._token)
        for name, value in attributes.items():
            self.span.set_attribute(f"fasm.{name}", value)
        if error is not None:
            with contextlib.suppress(Exception):  # an error that cannot be told must not hide the outcome
                self.span.record_exception(error)
            if failed:
                self.span.set_status(Status(StatusCode.ERROR, told(error)))
        self.span.end()


class Tracing:
    """Makes the spans of one runtime."""

    def __init__(self, host: Host, tracer: trace.Tracer) -> None:
        self._machine = host.machine_name
        self._tracer = tracer

    @staticmethod
    def current() -> context.Context:
        """The context of the caller, to be the parent of the transition that its input causes."""
        return context.get_current()

    def unit(self, instance: Instance, payload: object, cause: context.Context | Pending | None) -> Scope:
        """Begins the span of a transition, caused by a caller or by the result of an action."""
        attributes: dict[str, str | int] = {
            "fasm.machine": self._machine,
            "fasm.instance": instance.name,
            "fasm.revision": instance.revision + 1,
            "fasm.event": type(payload).__name__,
        }
        parent: context.Context | None
        links: list[Link]
        if cause is None or isinstance(cause, context.Context):
            parent, links = cause, []
        else:
            attributes["fasm.action_id"] = cause.action_id
            attributes["fasm.key"] = _key(cause)
            parent, links = self._effect(cause)
        name = f"{self._machine} transition"
        return Scope(self._tracer.start_span(name, parent, attributes=attributes, links=links))

    def committed(self, plan: Plan) -> None:
        """Links the span of a transition to the effects that it has emitted, and lets them know it."""
        span = trace.get_current_span()
        here = span.get_span_context()
        for count, pending in enumerate(plan.emitted):
            pending.emitted_by = here
            if count < _MOST_LINKS and span.is_recording() and not pending.is_timer:
                span.add_link(_remote(_key(pending), here.trace_flags), {"fasm.action_id": pending.action_id})

    def attempt(self, pending: Pending, attempt: Attempt) -> Scope:
        """Begins the span of one try of an action."""
        attributes: dict[str, str | int] = {
            "fasm.machine": self._machine,
            "fasm.instance": pending.instance.name,
            "fasm.revision": pending.revision,
            "fasm.action_id": pending.action_id,
            "fasm.action": type(pending.action).__name__,
            "fasm.attempt": attempt.number,
            "fasm.key": attempt.key,
        }
        parent, links = self._effect(pending)
        name = f"{self._machine} {type(pending.action).__name__}"
        return Scope(self._tracer.start_span(name, parent, attributes=attributes, links=links))

    @staticmethod
    def _effect(pending: Pending) -> tuple[context.Context, list[Link]]:
        """The trace of an effect, and the link to what emitted it, if that was in this process.

        Whether it is sampled was decided for the transition that emitted it; after a restart it always is.
        """
        by: SpanContext | None = pending.emitted_by
        flags = TraceFlags(TraceFlags.SAMPLED) if by is None else by.trace_flags
        remote = NonRecordingSpan(_remote(_key(pending), flags))
        return trace.set_span_in_context(remote, context.Context()), [] if by is None else [Link(by)]


def _key(pending: Pending) -> str:
    return pending.instance.attempt_key(pending.action_id)


def _remote(key: str, flags: TraceFlags) -> SpanContext:
    span_id = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") or 1
    return SpanContext(int(key, 16) or 1, span_id, is_remote=True, trace_flags=flags)
