"""Take items from an iterator, or compute them, in threads, before they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


def read_ahead(items: Iterator[T], count: int) -> Generator[T, None, None]:
    """Yield the items in their order; an error comes in the place of its item.

    Args:
        items: The iterator, of which one thread takes the items one by one.
        count: How many are taken before they are needed at most.

    >>> list(read_ahead(iter("abc"), 2))
    ['a', 'b', 'c']
    """
    end = object()
    waiting: deque[Future[T | object]] = deque()
    with ThreadPoolExecutor(1) as reader:
        try:
            for _ in range(count):
                waiting.append(reader.submit(next, items, end))
            while (item := waiting.popleft().result()) is not end:
                waiting.append(reader.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()


def map_ahead(
    function: Callable[[Item], T], items: Iterable[Item], threads: int, count: Callable[[], int]
) -> Generator[T, None, None]:
    """Yield what a function returns for each item, in their order; an error comes in the place of its item.

    Args:
        function: Called from several threads.
        items: The items.
        threads: How many threads there are.
        count: Returns how many items are computed before they are needed at most, at least 1; asked before each.

    >>> list(map_ahead(abs, [-1, 2, -3], 2, lambda: 2))
    [1, 2, 3]
    """
    left = iter(items)
    waiting: deque[Future[T]] = deque()

    def fill() -> None:
        waiting.extend(pool.submit(function, item) for item in islice(left, max(0, count() - len(waiting))))

    with ThreadPoolExecutor(threads) as pool:
        try:
            fill()
            while waiting:
                found = waiting.popleft().result()
                fill()
                yield found
        finally:
            for future in waiting:
                future.cancel()
