"""Source profiles that an operator declares without code: YAML files in one directory, checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from billing.adapters.usage_formats import declared_models as models
from billing.adapters.usage_formats.asterisk_cel import COLUMNS, CelFormat, CelProfile
from billing.adapters.usage_formats.asterisk_csv import asterisk
from billing.adapters.usage_formats.delimited import CsvFormat, CsvProfile
from billing.adapters.usage_formats.fixed_width import FixedWidthFormat, FixedWidthProfile
from billing.adapters.usage_formats.flatstore import FlatstoreFormat, FlatstoreProfile
from billing.adapters.usage_formats.freeswitch import freeswitch_csv_profile, freeswitch_json, freeswitch_json_profile
from billing.adapters.usage_formats.json_records import JsonProfile, declared_json
from billing.adapters.usage_formats.radius import RadiusFormat, RadiusProfile
from billing.adapters.usage_formats.records import CauseRule, Kind, RecordProfile
from billing.adapters.usage_formats.uk_standard import uk_standard
from billing.domain.errors import Conflict, InvalidValue, NotFound
from billing.ports.usage import UsageFormat
from billing.ports.usage_profiles import Control, SourceProfile

LARGEST_FILE_BYTES = 1024 * 1024
MOST_PROFILES = 1000
Profile = TypeVar("Profile", bound=RecordProfile)


def declared_formats(directory: Path) -> Mapping[str, UsageFormat]:
    """The formats declared in ``*.yaml`` of a directory, by name.

    Raises NotFound for a directory that is not there, InvalidValue for what cannot be used (its field names file and
    place), Conflict for a name that two declarations have.
    """
    if not directory.is_dir():
        remedy = "Make it, or leave EVENFLOW_USAGE_PROFILES empty."
        raise NotFound(
            "There is no such directory of profiles.", field="usage_profiles", value=directory, remedy=remedy
        )
    formats: dict[str, UsageFormat] = {}
    for path in sorted(directory.glob("*.yaml")):
        for place, declared in _declarations(path):
            made = _format(path, place, declared)
            if made.name in formats:
                remedy = "Give each profile a name of its own."
                raise Conflict(
                    "Two profiles have one name.", field=f"{path.name}: {place}name", value=made.name, remedy=remedy
                )
            formats[made.name] = made
    return formats


def _declarations(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each declaration of a file, with the place it stands at."""
    found = _read(path)
    several = found.get("profiles") if isinstance(found, dict) and set(found) == {"profiles"} else [found]
    if not isinstance(several, list) or len(several) > MOST_PROFILES:
        remedy = f"Write a list of at most {MOST_PROFILES} declarations."
        raise InvalidValue("This is no list.", field=f"{path.name}: profiles", value=str(several)[:60], remedy=remedy)
    for number, declared in enumerate(several):
        place = "" if several == [found] else f"profiles.{number}."
        if not isinstance(declared, dict):
            remedy = "Write name, format and what the format needs; docs/usage_formats.md has an example of each."
            field = f"{path.name}: {place}".rstrip(": .")
            raise InvalidValue("This is no declaration.", field=field, value=str(declared)[:60], remedy=remedy)
        yield place, declared


def _read(path: Path) -> Any:
    """A file's content, every value as it is written: NO is a country and 0612 a text, not what YAML makes of them."""
    if path.stat().st_size > LARGEST_FILE_BYTES:
        remedy = f"Split it into files of at most {LARGEST_FILE_BYTES} bytes."
        raise InvalidValue("The file is too large.", field=path.name, value=path.stat().st_size, remedy=remedy)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InvalidValue("This is no YAML.", field=path.name, value=reason, remedy="Correct the text.") from None


def _format(path: Path, place: str, declared: Mapping[str, Any]) -> UsageFormat:
    family = declared.get("format")
    model = models.FAMILIES.get(family) if isinstance(family, str) else None
    if model is None:
        remedy = f"Use one of {', '.join(models.FAMILIES)}."
        field = f"{path.name}: {place}format"
        raise InvalidValue("There is no such format.", field=field, value=family or "", remedy=remedy)
    try:
        return _made(model.model_validate(declared))
    except ValidationError as error:
        raise _refusal(path, place, error) from None


def _refusal(path: Path, place: str, error: ValidationError) -> InvalidValue:
    """The first thing that is wrong, by file, place and value."""
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"] if step != "[key]")
    kind, said = first["type"], str(first["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message, remedy = "This is not known here.", "Leave it out; the documentation lists what the format knows."
    elif kind == "missing":
        message, remedy = "This is missing.", "Add it."
    else:
        message, remedy = "This cannot be used.", f"{said[:1].upper()}{said[1:]}."
    value = "" if isinstance(first["input"], dict) else str(first["input"])[:100]
    return InvalidValue(message, field=f"{path.name}: {place}{where}".rstrip(": ."), value=value, remedy=remedy)


def _made(declared: models.SourceIn) -> UsageFormat:
    if isinstance(declared, models.CsvIn):
        return CsvFormat(_csv(declared))
    if isinstance(declared, models.FixedWidthIn):
        return FixedWidthFormat(_fixed_width(declared))
    if isinstance(declared, models.JsonIn):
        return declared_json(_record(declared, JsonProfile, one_per_line=declared.format == "ndjson"))
    if isinstance(declared, models.SwitchIn):
        return _switch(declared)
    if isinstance(declared, models.FreeswitchJsonIn):
        profile = freeswitch_json_profile(identifier=declared.identifier)
        return freeswitch_json(replace(profile, **_common(declared)))
    return _session_format(declared)


def _session_format(declared: models.SourceIn) -> UsageFormat:
    source = _source(declared)
    if isinstance(declared, models.CelIn):
        return CelFormat(
            CelProfile(
                source,
                declared.columns or COLUMNS,
                declared.identifier,
                declared.contexts,
                declared.delimiter,
                time_form=declared.time_form,
                encoding=declared.encoding,
            )
        )
    if isinstance(declared, models.FlatstoreIn):
        plain = FlatstoreProfile(source)
        return FlatstoreFormat(
            FlatstoreProfile(
                source,
                declared.columns or plain.columns,
                declared.caller,
                declared.callee,
                declared.delimiter,
                declared.time_form,
                declared.encoding,
            )
        )
    if isinstance(declared, models.RadiusIn):
        names = ("identifier", "destination", "meter", "measure", "encoding")
        return RadiusFormat(RadiusProfile(source, **{name: getattr(declared, name) for name in names}))
    raise TypeError(f"{type(declared).__name__} makes no format")


def _switch(declared: models.SwitchIn) -> UsageFormat:
    if declared.format == "asterisk-csv":
        profile = asterisk()
    else:
        profile = freeswitch_csv_profile() if declared.format == "freeswitch-csv" else uk_standard()
    return CsvFormat(replace(profile, **_common(declared)), declared.format)


def _common(declared: models.SourceIn) -> dict[str, Any]:
    """What every record profile takes over; what a declaration does not say stays as the format has it."""
    values: dict[str, Any] = {"name": declared.name, "source": declared.source or declared.name}
    for name in ("zone", "clock_rule", "country", "encoding", "delay_days", "first_sequence", "last_sequence"):
        if name in declared.model_fields_set:
            values[name] = getattr(declared, name)
    return values | {"file_name_pattern": declared.file_name}


def _source(declared: models.SourceIn) -> SourceProfile:
    return SourceProfile(
        name=declared.name,
        source=declared.source or declared.name,
        format=str(getattr(declared, "format", "")),
        delay_days=declared.delay_days,
        file_name_pattern=declared.file_name,
        first_sequence=declared.first_sequence,
        last_sequence=declared.last_sequence,
        zone=declared.zone,
        clock_rule=declared.clock_rule,
        country=declared.country,
    )


def _record(declared: models.RecordIn, kind: type[Profile], **more: Any) -> Profile:
    """A record profile of any family."""
    kinds = declared.kinds.values if declared.kinds else {}
    return kind(
        **_common(declared),
        take={str(ours): theirs for ours, theirs in declared.fields.items()},
        record_id=declared.key,
        constants={str(name): value for name, value in declared.constants.items()},
        attributes=declared.attributes,
        unit_size=declared.quantity.unit_size,
        rounding=declared.quantity.rounding,
        quantity_is_clock=declared.quantity.clock,
        quantity_columns=declared.quantity.columns,
        no_longer_than=declared.quantity.no_longer_than,
        time_form=declared.time.form,
        time_columns=declared.time.columns,
        answered_at=declared.time.answered_at,
        kind_column=declared.kinds.column if declared.kinds else "",
        kinds={value: Kind(each.meter, each.columns, each.otherwise, each.unit_size) for value, each in kinds.items()},
        causes=[CauseRule(each.column, each.billable, each.others) for each in declared.causes],
        decimal_mark=declared.decimal_mark,
        numbers_are_international=declared.numbers == "international",
        skip=declared.skip,
        **more,
    )


def _csv(declared: models.CsvIn) -> CsvProfile:
    control = declared.control
    found = Control(control.marker, control.records, control.quantity, control.charge) if control else Control()
    names = ("columns", "delimiter", "quote", "comment", "blank_after_delimiter", "all_quoted")
    return _record(declared, CsvProfile, control=found, **{name: getattr(declared, name) for name in names})


def _fixed_width(declared: models.FixedWidthIn) -> FixedWidthProfile:
    control = declared.control
    spans = {name: getattr(control, name) for name in ("records", "quantity", "charge")} if control else {}
    return _record(
        declared,
        FixedWidthProfile,
        spans=declared.spans,
        totals={name: span for name, span in spans.items() if span},
        comment=declared.comment,
        control=Control(control.marker) if control else Control(),
    )
