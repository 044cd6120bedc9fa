"""How many cases the fuzzing tests try, and from which seed.

The usual ones are always the same. HUB_FUZZ_SEED=7 tries others, HUB_FUZZ_CASES=100000 many more of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

SEED = int(os.environ.get("HUB_FUZZ_SEED", "1"))


def cases(usual: int) -> range:
    """Return the numbers of the cases to try."""
    return range(int(os.environ.get("HUB_FUZZ_CASES", usual)))


@contextmanager
def choices(case: int) -> Iterator[random.Random]:
    """Yield what makes the choices of a case; a failure names the case, which makes the same choices when alone."""
    try:
        yield random.Random(SEED * 1_000_003 + case)
    except BaseException as error:
        error.add_note(f"HUB_FUZZ_SEED={SEED}, case {case}")
        raise
