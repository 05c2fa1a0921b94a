"""Goal: a stored checksum is the same in every release, and notices whatever it is made of."""

from __future__ import annotations

import pytest

from fasm._native import seal, seal_action


@pytest.mark.parametrize(
    ("data", "numbers", "expected"),
    [
        (b"charge 7", (3, 1_700_000_000_000, 1, 12), 3_954_433_748),
        (b"", (), 0),
        (b"", (0,), 0),
        (b"x", (-1,), 3_511_415_422),
        (b"state", (4_294_967_291,), 2_744_374_011),
    ],
)
def test_a_seal_never_changes(data: bytes, numbers: tuple[int, ...], expected: int) -> None:
    assert seal(data, *numbers) == expected


def test_the_seal_of_an_action_never_changes() -> None:
    assert seal_action("eu", '"a1"', b"payload") == 3_281_128_093
    assert seal_action("zürich", "1", b"") == 2_084_127_580


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    data, numbers = b"forty-two", (7, 1_700_000_000_000)
    whole = seal(data, *numbers)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        assert seal(bytes(flipped), *numbers) != whole
    for which in range(len(numbers)):
        for bit in range(63):
            changed = [number ^ (1 << bit if n == which else 0) for n, number in enumerate(numbers)]
            assert seal(data, *changed) != whole


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, "7", None, 1.0])
def test_what_no_database_keeps_as_an_integer_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        seal(b"", number)  # type: ignore[arg-type]
