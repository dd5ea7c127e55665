"""Every decoder of usage files under a coverage-guided fuzzer: ``make fuzz ARGS="--seconds 600 tap3"``.

Each profile has a process of its own, which begins with its sample file. What breaks a decoder is kept, and where is
printed; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rules.decoding import SAMPLE_FILES

KEPT = Path("build") / "fuzzing"


def main() -> int:
    """Fuzz the named profiles, or all."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help=f"of {', '.join(sorted(SAMPLE_FILES))}")
    parser.add_argument("--seconds", type=int, default=60, help="for each profile")
    options = parser.parse_args()
    unknown = sorted(set(options.profiles) - set(SAMPLE_FILES))
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such profile")
    profiles = options.profiles or sorted(SAMPLE_FILES)
    broken = [profile for profile in profiles if not _holds(profile, options.seconds)]
    print(f"{len(profiles) - len(broken)} of {len(profiles)} decoders held")
    return 1 if broken else 0


def _holds(profile: str, seconds: int) -> bool:
    folder = KEPT / profile
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE_FILES[profile], corpus / "sample")
    command = [sys.executable, "-m", "tests.fuzzing.decoder", profile, str(folder), str(seconds)]
    with (folder / "log").open("w+") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        log.seek(0)
        told = log.read()
    runs = re.findall(r"Done (\d+) runs", told)
    held = code == 0 and bool(runs)
    what = f"{runs[-1]} inputs" if held else f"BROKEN, exit code {code}: see {folder}"
    print(f"{profile:18} {what}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main())
