"""``python -m evenflow.traffic --line +31612345678 --first-day 2027-02-01 --days 7 --out traffic``"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from evenflow.traffic.day import NO_FLAWS, Flaws, TrafficRequest
from evenflow.traffic.files import TrafficFile, lines_of, write_days


def main(
    first_day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first local day.")],
    line: Annotated[list[str], typer.Option(help="A number in E.164, like +31612345678; repeat for more.")],
    out: Annotated[Path, typer.Option(help="Where the files go.")] = Path("traffic"),
    days: Annotated[int, typer.Option(min=1, max=400)] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    kind: Annotated[str, typer.Option(help="What the lines do: mobile, fixed or internet.")] = "mobile",
    zone: Annotated[str, typer.Option(help="Time zone of the switch.")] = "Europe/Amsterdam",
    country: Annotated[str, typer.Option(help="Home country: NL, BE, DE, FR, ES or GB.")] = "NL",
    intensity: Annotated[float, typer.Option(min=0.0, max=1000.0, help="1 is a usual line's volume.")] = 1.0,
    flaws: Annotated[bool, typer.Option(help="Repeated, unknown, late and damaged records, as in real life.")] = True,
) -> None:
    """Write telco-like traffic, one file per day and kind, and say what an import has to find in it."""
    request = TrafficRequest(lines_of(line, kind), seed, zone, country, intensity, Flaws() if flaws else NO_FLAWS)
    for file in write_days(out, request, first_day.date(), days):
        typer.echo(_in_words(file))


def _in_words(file: TrafficFile) -> str:
    return (
        f"{file.path}  profile {file.profile}: {file.lines} records, of these {file.clean} clean, "
        f"{file.duplicates} repeated, {file.unknown} of an unknown number, {file.late} late, {file.damaged} damaged"
    )


if __name__ == "__main__":
    typer.run(main)
