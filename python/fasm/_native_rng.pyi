from collections.abc import Iterable, MutableSequence, Sequence
from typing import Any, Protocol, SupportsFloat, SupportsIndex, final

from typing_extensions import TypeVar

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

class _Indexed(Protocol[_T_co]):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> _T_co: ...

@final
class Rng:
    """The random choices of a simulation, named like those of `random.Random`. Thread-safe.

    The stream is that of ChaCha8: the same seed gives the same choices on every machine and in every release.
    In a simulation the same object records its choices, gives recorded ones again, or goes through all of them
    one by one. A choice that is shrunk goes towards the first element, the lowest int, the unchanged order and
    False.

    An Rng can be copied and pickled, and the copy goes on from the same place. That of a simulation cannot: a copy
    would draw unrecorded.

    Args:
        seed: An int from 0 to 2**64 - 1.

    Raises:
        InvalidArgument: `seed` is no such int.

    Example:
        >>> from fasm import Rng
        >>> rng = Rng(7)
        >>> rng.randint(1, 100), rng.choice("abc"), rng.random() < 1
        (16, 'a', True)
    """

    def __new__(cls, seed: int) -> Rng: ...
    @staticmethod
    def from_choices(draws: Sequence[int], /) -> Rng:
        """Makes a generator that gives recorded choices again, as the code of a `Failure` does.

        Args:
            draws: One int per draw, from 0 to 2**64 - 1: which of the choices it takes, counted from the
                simplest. One that is too large takes the last choice. After them every draw takes the first.

        Raises:
            InvalidArgument: `draws` is no sequence of such ints.

        Example:
            >>> from fasm import Rng
            >>> rng = Rng.from_choices([4, 2])
            >>> rng.randint(1, 100), rng.choice("abc"), rng.randint(1, 100)
            (5, 'c', 1)
        """

    def next_u32(self) -> int:
        """Gives the next 32 bits of the raw stream.

        Returns:
            An int from 0 to 2**32 - 1.

        Example:
            >>> from fasm import Rng
            >>> Rng(0).next_u32()
            2811902828
        """

    def next_u64(self) -> int:
        """Gives the next 64 bits of the raw stream: two words of 32 bits, the low one first.

        Returns:
            An int from 0 to 2**64 - 1.

        Example:
            >>> from fasm import Rng
            >>> Rng(0).next_u64()
            13080132717333068652
        """

    def randrange(
        self, start: SupportsIndex, stop: SupportsIndex | None = None, step: SupportsIndex = 1
    ) -> int:
        """Chooses an element of `range(start, stop, step)`, or of `range(start)`. Ints can be of any size.

        Args:
            start: The first int of the range; or, as the only argument, the int that ends it.
            stop: The int that ends the range and is not part of it.
            step: The distance between two elements.

        Returns:
            An element of the range.

        Raises:
            InvalidArgument: The range is empty, or an argument is no int.

        Example:
            >>> from fasm import Rng
            >>> Rng(7).randrange(0, 100, 5) in range(0, 100, 5)
            True
        """

    def randint(self, a: SupportsIndex, b: SupportsIndex) -> int:
        """Chooses an int from `a` to `b`, both included, of any size.

        Args:
            a: The lowest int that can come.
            b: The highest int that can come.

        Returns:
            An int with `a <= int <= b`.

        Raises:
            InvalidArgument: `b` is below `a`, or one of them is no int.

        Example:
            >>> from fasm import Rng
            >>> 1 <= Rng(7).randint(1, 6) <= 6
            True
        """

    def getrandbits(self, k: SupportsIndex) -> int:
        """Gives `k` random bits.

        Args:
            k: The number of bits, from 0 to 2**31 - 1.

        Returns:
            An int from 0 to 2**k - 1.

        Raises:
            InvalidArgument: `k` is no such int.

        Example:
            >>> from fasm import Rng
            >>> Rng(7).getrandbits(100).bit_length() <= 100
            True
        """

    def random(self) -> float:
        """Gives a float from 0.0 up to but not including 1.0, a multiple of 2**-53.

        Returns:
            The float.

        Example:
            >>> from fasm import Rng
            >>> 0.0 <= Rng(7).random() < 1.0
            True
        """

    def uniform(self, a: SupportsFloat, b: SupportsFloat) -> float:
        """Gives a float between `a` and `b`, in whichever order they are.

        Args:
            a: One end.
            b: The other end, which rounding may include.

        Returns:
            The float.

        Raises:
            InvalidArgument: One of them, or their distance, is not finite.

        Example:
            >>> from fasm import Rng
            >>> 1.5 <= Rng(7).uniform(1.5, 2.5) <= 2.5
            True
        """

    def chance(self, p: SupportsFloat) -> bool:
        """Tells whether something happens that has probability `p`. Draws nothing where `p` is 0 or 1.

        Args:
            p: The probability, a number from 0 to 1.

        Returns:
            True with probability `p`.

        Raises:
            InvalidArgument: `p` is no such number.

        Example:
            >>> from fasm import Rng
            >>> Rng(7).chance(0), Rng(7).chance(1)
            (False, True)
        """

    def _skewed(self, bound: int, often: float, likely: Sequence[int], /) -> int: ...
    def choice(self, seq: _Indexed[_T]) -> _T:
        """Chooses an element of a sequence.

        Args:
            seq: A sequence that is not empty. Sets have no fixed order: sort them first.

        Returns:
            The element.

        Raises:
            InvalidArgument: `seq` is empty or no sequence.

        Example:
            >>> from fasm import Rng
            >>> Rng(7).choice(["ann", "bob"]) in ("ann", "bob")
            True
        """

    def choices(
        self, population: _Indexed[_T], weights: Iterable[SupportsFloat] | None = None, *, k: int = 1
    ) -> list[_T]:
        """Chooses `k` elements of a sequence, each out of all of them.

        Args:
            population: A sequence that is not empty.
            weights: One number for each element, none below 0: how often it comes, relative to the others.
                None for equal weights. Ints are taken exactly.
            k: How many elements.

        Returns:
            A list of `k` elements.

        Raises:
            InvalidArgument: `population` is empty or no sequence; the weights do not fit it, or all are 0; or
                `k` is no int of at least 0.

        Example:
            >>> from fasm import Rng
            >>> Rng(7).choices(["often", "never"], weights=[1, 0], k=2)
            ['often', 'often']
        """

    def sample(self, population: _Indexed[_T], k: int) -> list[_T]:
        """Chooses `k` elements of a sequence from different places.

        Args:
            population: A sequence.
            k: How many elements, at most as many as there are.

        Returns:
            A list of `k` elements, in random order.

        Raises:
            InvalidArgument: `population` is no sequence, or `k` no int from 0 to its size.

        Example:
            >>> from fasm import Rng
            >>> sorted(Rng(7).sample("abc", 3))
            ['a', 'b', 'c']
        """

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Puts a list into a random order, in place.

        Args:
            x: A list, or another sequence that can be changed.

        Raises:
            InvalidArgument: `x` cannot be changed, or is no sequence.

        Example:
            >>> from fasm import Rng
            >>> cards = [1, 2, 3]
            >>> Rng(7).shuffle(cards)
            >>> sorted(cards)
            [1, 2, 3]
        """
