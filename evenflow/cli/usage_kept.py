"""``evenflow usage resubmit`` and ``dismiss``: many kept records at once, from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from evenflow.cli.usage import DEFAULT_DATA_DIR, Api, AsJson, DataDir, Key, carry_out
from evenflow.cli.usage_door import UsageDoor
from evenflow.stack.errors import StackError

Issues = Annotated[list[str] | None, typer.Option("--issue", help="This record, as rec_1001. May be repeated.")]
Kind = Annotated[str, typer.Option("--kind", help="rejected, recycled, conflict or partial.")]
File = Annotated[str, typer.Option("--file", help="Of this file only, as file_1001.")]
Identifier = Annotated[str, typer.Option("--identifier", help="Of this line only.")]
Source = Annotated[str, typer.Option("--source", help="Of this source only.")]
Field = Annotated[str, typer.Option("--field", help="Where this field was what was wrong.")]
Since = Annotated[str, typer.Option("--from", help="Kept at this instant or later, as 2027-02-01T00:00:00Z.")]
Before = Annotated[str, typer.Option("--before", help="Kept before this instant.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would become of them.")]
WAITING = 3


def add_to(app: typer.Typer) -> None:
    """Make these commands of ``evenflow usage``."""
    app.command()(resubmit)
    app.command()(dismiss)


def resubmit(
    changed: Annotated[
        list[str] | None, typer.Option("--set", help="A new value, as meter=voice; destination= leaves it out.")
    ] = None,
    issue: Issues = None,
    kind: Kind = "",
    file: File = "",
    identifier: Identifier = "",
    source: Source = "",
    field: Field = "",
    since: Since = "",
    before: Before = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Send kept records again, all with the same correction. The exit code is 3 when some of them wait on."""
    wanted = _selection(issue, kind, file, identifier, source, field, since, before)

    def work(door: UsageDoor) -> Any:
        body = {**wanted, "changes": _changes(changed or []), "dry_run": dry_run}
        return door.post("/v1/usage/issues/resubmit", body)

    done = carry_out(data_dir, api, key, work)
    _print(done, as_json, _resubmitted(done))
    if done["failing"]:
        raise typer.Exit(WAITING)


def dismiss(
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays with every record.")],
    issue: Issues = None,
    kind: Kind = "",
    file: File = "",
    identifier: Identifier = "",
    source: Source = "",
    field: Field = "",
    since: Since = "",
    before: Before = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Api = "",
    key: Key = "",
) -> None:
    """Put kept records aside: they are never counted, and not tried again by themselves."""
    wanted = _selection(issue, kind, file, identifier, source, field, since, before)

    def work(door: UsageDoor) -> Any:
        return door.post("/v1/usage/issues/dismiss", {**wanted, "reason": reason, "dry_run": dry_run})

    done = carry_out(data_dir, api, key, work)
    verb = "would be" if dry_run else "are"
    _print(done, as_json, [f"{done['dismissed']} of {done['matched']} records {verb} dismissed.", *_rest(done)])


def _selection(issue_ids: Sequence[str] | None, *values: str) -> dict[str, Any]:
    """The filter as the door takes it; what was not said is left out."""
    names = ("kind", "file_id", "identifier", "source", "field", "created_from", "created_before")
    given: dict[str, Any] = {name: value for name, value in zip(names, values, strict=True) if value}
    return given | ({"issue_ids": list(issue_ids)} if issue_ids else {})


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    """``["meter=voice", "quantity=60"]`` by name. A whole number or an object is read as that, and nothing as null."""
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StackError(f"--set {text} is not understood: write field=value, like meter=voice.")
        changes[name] = _value(name, value)
    return changes


def _value(name: str, text: str) -> Any:
    if not text:
        return None
    if name in ("quantity", "attributes"):
        with suppress(ValueError):
            return json.loads(text)
    return text


def _resubmitted(done: Mapping[str, Any]) -> list[str]:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(done["outcomes"].items()))
    verb = "would be sent again" if done["dry_run"] else "were sent again"
    tried = sum(done["outcomes"].values())
    lines = [f"{tried} of {done['matched']} records {verb}{': ' if outcomes else ''}{outcomes}.", *_rest(done)]
    for each in done["failing"]:
        value = f" {each['value']}" if each["value"] else ""
        lines.append(f"{each['issue_id']} is {each['outcome']}: {each['field']}{value}: {each['reason']}")
    return lines


def _rest(done: Mapping[str, Any]) -> list[str]:
    skipped = [f"{done['skipped']} were skipped: settled or worked on meanwhile."] if done["skipped"] else []
    return [*skipped, f"{done['left']} are left: run it again."] if done["left"] else skipped


def _print(done: Mapping[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    print(json.dumps(done, indent=2) if as_json else "\n".join(lines))
