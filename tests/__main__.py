"""Every test, in two parts: those that bear company, on all processors; then, with the machine to themselves, those
that run whole systems on a hurried clock, where a business day takes seconds and a busy machine makes notices late.

``python -m tests [what pytest takes]``; it ends with 0 when both parts passed, and something was found to run.
"""

from __future__ import annotations

import subprocess
import sys

TOGETHER = ("-m", "not alone", "-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup")
ALONE = ("-m", "alone")
NOTHING_FOUND = 5


def main(arguments: list[str]) -> int:
    """The first bad ending of the two parts, which both run."""
    endings = [subprocess.call([sys.executable, "-m", "pytest", *part, *arguments]) for part in (TOGETHER, ALONE)]
    if set(endings) == {NOTHING_FOUND}:
        return NOTHING_FOUND
    return next((ending for ending in endings if ending not in (0, NOTHING_FOUND)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
