"""What fuzz programs share: an input's first byte picks the target, libFuzzer's options come from the caller."""

import logging
import sys
from collections.abc import Callable, Sequence

import atheris


def fuzz(targets: Sequence[Callable[[bytes], None]]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""

    def one_input(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)](data[1:])

    logging.getLogger("pacs").setLevel(logging.CRITICAL)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
