"""Waiting before the next attempt."""

import random
from collections.abc import Iterator


def backoff_seconds(first: float = 0.2, most: float = 5.0) -> Iterator[float]:
    """Endless waits that double from `first` to `most`, each shortened by up to half at random."""
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(wait * 2, most)
