"""One decoder under a coverage-guided fuzzer, in a process of its own.

``python -m tests.fuzzing.decoder PROFILE FOLDER SECONDS``; ``FOLDER`` has the corpus, which grows, and gets the input
that broke something. Whatever the bytes, a decoder must give lines of which each is exactly one of three things, within
the time and memory that the limits of the fuzzer allow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["billing.adapters.usage_formats"]):
    from tests.rules.usage_samples import FORMATS

from tests.rules.decoding import check

LIMITS = ("-timeout=20", "-rss_limit_mb=500", "-max_len=65536")


def main(profile: str, folder: Path, seconds: int) -> None:
    """Fuzz until the time is over; ends the process, with another code than 0 when something broke."""
    file = folder / "input"
    decoder = FORMATS[profile]

    def one_input(content: bytes) -> None:
        file.write_bytes(content)
        decoder.declared_totals(file)
        check(decoder, list(decoder.decode(file)))

    corpus = folder / "corpus"
    places = (f"-artifact_prefix={folder}/", f"-max_total_time={seconds}", str(corpus))
    atheris.Setup([sys.argv[0], *LIMITS, *places], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
