"""Take items from an iterator in a thread, before they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


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
