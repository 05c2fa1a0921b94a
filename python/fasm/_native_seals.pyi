# Checksums over what stores keep, part of the stub of `fasm._native`.

__all__ = ["seal", "seal_action"]

def seal(data: bytes, /, *numbers: int) -> int:
    """A checksum over bytes and the numbers beside them: databases do not notice a flipped bit in a payload.

    It is stored, so it is the same in every release.

    Args:
        data: The bytes.
        numbers: What belongs to them, such as a revision.

    Returns:
        A number from 0 to 2**32 - 1.

    Raises:
        ValueError: A number is no int of 64 bits signed.

    Example:
        >>> from fasm._native import seal
        >>> seal(b"state", 7) == seal(b"state", 8)
        False
    """

def seal_action(instance: str, action_id: str, payload: bytes, /) -> int:
    """A checksum over a payload and the names of what it belongs to. It is stored: see `seal`.

    Returns:
        A number from 0 to 2**32 - 1.

    Example:
        >>> from fasm._native import seal_action
        >>> seal_action("eu", "7", b"charge") == seal_action("us", "7", b"charge")
        False
    """
