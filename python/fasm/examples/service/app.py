"""The web application: inputs come in as requests, and are durable when the answer says so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import fasm
from fasm.errors import FasmError, InvalidArgument, KeyReused, NotOwner, QueueFull, RuntimeClosed, StoreError
from fasm.examples.payments import Bank, InsufficientFunds, Pay, Payments
from fasm.examples.service.processor import Processor
from fasm.stores import Store

STATUS: dict[type[FasmError], int] = {
    InsufficientFunds: 402,
    InvalidArgument: 400,
    KeyReused: 422,
    NotOwner: 409,
    QueueFull: 503,
    RuntimeClosed: 503,
    StoreError: 503,
}
"""What each refusal means to a client: what it did wrong, or that it should try again, here or elsewhere."""


def make_app(store: Store, processor: Processor) -> Starlette:
    """Makes the application.

    `POST /accounts/{account}/payments` with `{"user": ..., "amount": ...}` and, better, a header
    `Idempotency-Key`: 201 once it is durable, 200 if the key was seen before.
    `GET /accounts/{account}`: what is available, pending and paid.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        runtime = fasm.Runtime(
            Payments(), initial=Bank, store=store, execute=processor.execute, when_full="raise"
        )
        async with runtime:
            app.state.runtime = runtime
            yield

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/accounts/{account}/payments", pay, methods=["POST"]),
            Route("/accounts/{account}", show, methods=["GET"]),
        ],
        exception_handlers={FasmError: refuse},
    )


async def pay(request: Request) -> Response:
    """Takes a payment in."""
    body = await request.json()
    receipt = await request.app.state.runtime.submit(
        _payment(body),
        instance=request.path_params["account"],
        key=request.headers.get("idempotency-key"),
    )
    answer = {"revision": receipt.revision, "at": receipt.at, "repeated": receipt.repeated}
    return JSONResponse(answer, status_code=200 if receipt.repeated else 201)


async def show(request: Request) -> Response:
    """Shows an account."""

    def look(bank: Bank) -> dict[str, Any]:
        return {"available": bank.available, "pending": len(bank.pending), "paid": dict(bank.paid)}

    runtime = request.app.state.runtime
    return JSONResponse(await runtime.read(look, instance=request.path_params["account"]))


async def refuse(request: Request, error: Exception) -> Response:
    """Turns an error of fasm into an answer."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status_code=status)


def _payment(body: Any) -> Pay:
    match body:
        case {"user": str(user), "amount": int(amount)} if user and amount is not True and amount > 0:
            return Pay(user, amount)
        case _:
            raise InvalidArgument(f'body: got {body!r}, expected {{"user": text, "amount": an int above 0}}')
