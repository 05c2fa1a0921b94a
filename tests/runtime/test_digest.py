"""Goal: what the log keeps of a transition is the same in every release, and tells effects apart."""

from __future__ import annotations

import pytest

from fasm._native import digest
from fasm.runtime._digest import STATE_FROM, state_digest
from fasm.stores import Emission

SEVEN = Emission("7", "Charge", b"5", 1)
TEXT = Emission('"zürich"', "Charge", b"x", 1)


@pytest.mark.parametrize(
    ("emitted", "state", "expected"),
    [
        ([], None, "00000000"),
        ([SEVEN], None, "1d52ca86"),
        ([SEVEN], b"{}", "1d52ca86a3a6bf43"),
        ([TEXT], None, "d0906c0d"),
        ((SEVEN, TEXT), b"", "0667be4800000000"),
    ],
)
def test_a_digest_never_changes(emitted: list[Emission], state: bytes | None, expected: str) -> None:
    assert digest(emitted, state).hex() == expected


def test_a_digest_ends_with_that_of_the_state() -> None:
    assert digest([SEVEN], b"state")[STATE_FROM:] == state_digest(b"state")


def test_a_digest_tells_ids_payloads_their_order_and_states_apart() -> None:
    effects = [[], [SEVEN], [TEXT], [SEVEN, TEXT], [TEXT, SEVEN], [Emission("7", "Charge", b"6")]]
    found = {digest(emitted, state) for emitted in effects for state in (None, b"", b"{}")}
    assert len(found) == 3 * len(effects)


def test_a_digest_leaves_out_what_depends_on_the_day() -> None:
    assert digest([Emission("7", "Charge", b"5", 3, 1_700_000_000_000)], None) == digest([SEVEN], None)


@pytest.mark.parametrize("row", [None, Emission(7, "Charge", b"5"), Emission("7", "Charge", "5")])  # type: ignore[arg-type]
def test_what_is_no_row_is_refused(row: object) -> None:
    with pytest.raises((TypeError, AttributeError)):
        digest([row], None)  # type: ignore[list-item]
