"""``evenflow catalogue``: the plans of every brand as one file, out and in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from billing.domain.errors import Refusal
from evenflow.settings import Settings, SettingsError
from evenflow.stack.assembly import settings_beside
from evenflow.stack.errors import StackError
from evenflow.stack.migrate import PROJECT

if TYPE_CHECKING:
    from billing.services.catalogue_files.service import CatalogueFiles, CatalogueForm, CatalogueImported

app = typer.Typer(help="The plans of every brand as one file: export and import.", no_args_is_help=True)
DEFAULT_DATA_DIR = PROJECT / ".evenflow"
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="EVENFLOW_DATA_DIR", help="Where the stack keeps everything.")
]
Form = Annotated[str, typer.Option("--format", help="yaml or csv; by the name of the file when left out.")]
Result = TypeVar("Result")


@app.command(name="export")
def export_(
    target: Annotated[Path | None, typer.Argument(help="The file to write; the output when left out.")] = None,
    form: Form = "",
    brand: Annotated[str, typer.Option(help="Of this brand only.")] = "",
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Write the newest version of every plan: whole plans as YAML, or flat rates as CSV for spreadsheets."""
    text = _carry_out(data_dir, lambda files: files.export(_form(form, target), brand))
    if target is None:
        sys.stdout.write(text)
        return
    target.write_bytes(text.encode())
    print(f"Wrote {target}.")


@app.command(name="import")
def import_(
    source: Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)],
    form: Form = "",
    check: Annotated[bool, typer.Option("--check", help="Only check, and say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Publish what the file changes, all of it or nothing. Exit code 1: something is wrong, with every place of it."""
    content = source.read_bytes()
    done = _carry_out(data_dir, lambda files: files.import_(_form(form, source), content, dry_run=check))
    if as_json:
        print(json.dumps(asdict(done), indent=2))
        return
    for line in _told(done, check=check):
        print(line)


def _told(done: CatalogueImported, *, check: bool) -> list[str]:
    """What changed, as lines."""
    lines: list[str] = []
    for each in done.changes:
        if each.kind == "unchanged":
            continue
        lines.append(f"{each.brand} {each.plan_code}: {each.kind}, version {each.to_version}")
        lines += [f"    {one.field}: {one.before or '-'} -> {one.after or '-'}" for one in each.differences]
        if each.differences_left_out:
            lines.append(f"    and {each.differences_left_out} more")
    unchanged = len(done.changes) - done.changed
    verb = "would change" if check else "changed"
    return [*lines, f"{done.changed} plan(s) {verb}, {unchanged} unchanged."]


def _form(form: str, path: Path | None) -> CatalogueForm:
    """The form that was named, else that of the file's name, else YAML. Raises StackError."""
    from billing.services.catalogue_files.service import CatalogueForm

    by_name = {".yaml": "yaml", ".yml": "yaml", ".csv": "csv"}
    named = form or by_name.get((path or Path("catalogue.yaml")).suffix.lower(), "")
    if named not in list(CatalogueForm):
        raise StackError(f"--format {named or 'is missing'}: use yaml or csv.")
    return CatalogueForm(named)


def _carry_out(data_dir: Path, work: Callable[[CatalogueFiles], Awaitable[Result]]) -> Result:
    """Do one thing with the catalogue of the installation; what is foreseen ends in sentences."""
    try:
        return asyncio.run(_with_files(settings_beside(data_dir), work))
    except (StackError, SettingsError, Refusal) as error:
        for line in _sentences(error):
            sys.stderr.write(f"evenflow: {line}\n")
        raise typer.Exit(1) from None


def _sentences(error: Exception) -> list[str]:
    from billing.services.catalogue_files.problems import CatalogueRefused

    if not isinstance(error, CatalogueRefused):
        return [str(error)]
    more = [f"and {error.left_out} more problems."] if error.left_out else []
    return [*map(str, error.problems), *more, "Nothing was published."]


async def _with_files(settings: Settings, work: Callable[[CatalogueFiles], Awaitable[Result]]) -> Result:
    # Loaded here, so that other commands start without them.
    from billing.persistence.unit_of_work import SqlUnitOfWork
    from billing.services.catalogue_files.service import CatalogueFiles
    from evenflow.cli.database import one_connection
    from evenflow.parts import read_clock

    url = settings.database.url.get_secret_value()
    if not url:
        raise StackError("EVENFLOW_DATABASE_URL is not set: start `evenflow up` first, or name a database.")
    async with one_connection(url) as engine:
        clock = await asyncio.to_thread(read_clock, settings)
        return await work(CatalogueFiles(lambda: SqlUnitOfWork(engine), clock))
