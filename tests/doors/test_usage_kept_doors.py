"""Many kept records over HTTP and from the command line: previewed, sent again, dismissed, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders_usage import LINE, an_event
from tests.doors.test_cli_usage import HEADER, CommandLine, line
from tests.doors.test_usage_doors import Doors, doors

__all__ = ["doors", "line"]
AS_VIEWER = {"X-API-Key": "viewer"}


async def some_wait(doors: Doors) -> list[str]:
    """Three records on a meter that no plan prices, and one without a quantity."""
    events = [an_event(record_id=f"r-{number}", meter="call") for number in range(3)]
    await doors.client.post("/v1/usage/events/batch", json=[*events, an_event(record_id="x", quantity="")])
    return [issue["issue_id"] for issue in (await doors.client.get("/v1/usage/issues?kind=recycled")).json()]


async def test_a_correction_is_previewed_and_then_made(doors: Doors) -> None:
    await some_wait(doors)
    wanted = {"source": "switch", "changes": {"meter": "voice"}}
    foreseen = await doors.client.post("/v1/usage/issues/resubmit", json={**wanted, "dry_run": True})
    assert len((await doors.client.get("/v1/usage/issues")).json()) == 4
    done = await doors.client.post("/v1/usage/issues/resubmit", json=wanted)
    (failing,) = done.json()["failing"]
    assert done.json() | {"failing": []} == {
        "matched": 4,
        "outcomes": {"accepted": 3, "rejected": 1},
        "skipped": 0,
        "left": 0,
        "failing": [],
        "dry_run": False,
    }
    assert (failing["outcome"], failing["field"], failing["reason"]) == (
        "rejected",
        "quantity",
        "The field quantity is missing.",
    )
    assert foreseen.json() == done.json() | {"dry_run": True}
    resolved = (await doors.client.get("/v1/usage/issues?status=resolved")).json()
    assert {issue["resolution"] for issue in resolved} == {"accepted: sent again by sanne"}


async def test_a_record_is_dismissed_listed_as_that_and_sent_again_after_all(doors: Doors) -> None:
    first, *others = await some_wait(doors)
    path = f"/v1/usage/issues/{first}"
    answer = await doors.client.post(f"{path}/dismiss", json={"reason": "a test call"})
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    again = await doors.client.post(f"{path}/dismiss", json={"reason": "a test call"})
    assert (again.status_code, again.json()["field"]) == (409, "issue_id")
    assert f"{path}/resubmit" in again.json()["remedy"]
    many = await doors.client.post("/v1/usage/issues/dismiss", json={"issue_ids": [first, *others], "reason": "tests"})
    assert many.json() == {"matched": 3, "dismissed": 2, "skipped": 1, "left": 0, "dry_run": False}
    listed = (await doors.client.get("/v1/usage/issues?status=dismissed&field=meter&source=switch")).json()
    assert {(issue["issue_id"], issue["resolution"]) for issue in listed} == {
        (first, "dismissed by sanne: a test call"),
        *((other, "dismissed by sanne: tests") for other in others),
    }
    taken = await doors.client.post(f"{path}/resubmit", json={"changes": {"meter": "voice"}})
    assert taken.json()["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("resubmit", {"changes": {"meter": "voice"}}, 422, "issue_ids"),
        ("resubmit", {"kind": "odd"}, 422, "body.kind"),
        ("resubmit", {"kind": "recycled", "changes": {"metre": "voice"}}, 422, "changes.metre"),
        ("resubmit", {"issue_ids": ["rec_99"]}, 404, "issue_ids"),
        ("resubmit", {"file_id": "nonsense"}, 422, "body.file_id"),
        ("dismiss", {"reason": "all of them"}, 422, "issue_ids"),
        ("dismiss", {"kind": "recycled"}, 422, "body.reason"),
        ("dismiss", {"kind": "recycled", "reason": " "}, 422, "body.reason"),
        ("rec_99/dismiss", {"reason": "a test"}, 404, "issue_id"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_way_out(
    doors: Doors, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    await some_wait(doors)
    answer = await doors.client.post(f"/v1/usage/issues/{path}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.json()["remedy"]
    assert len((await doors.client.get("/v1/usage/issues")).json()) == 4


async def test_a_viewer_neither_sends_again_nor_dismisses(doors: Doors) -> None:
    first, *_ = await some_wait(doors)
    for path in ("resubmit", "dismiss", f"{first}/dismiss"):
        answer = await doors.client.post(f"/v1/usage/issues/{path}", json={"reason": "a test"}, headers=AS_VIEWER)
        assert answer.status_code == 403


async def test_the_report_of_a_file_says_what_was_dismissed(doors: Doors) -> None:
    content = f"{HEADER}\nr-1,{LINE},sms,x,2027-02-01T10:00:00Z,\nr-2,{LINE},sms,1,2027-02-01T10:00:00Z,\n"
    upload = {"params": {"profile": "csv"}, "files": {"file": ("day.csv", content.encode())}}
    file_id = (await doors.client.post("/v1/usage/files", **upload)).json()["file"]["file_id"]
    await doors.world.service.files.import_file(file_id)
    await doors.client.post("/v1/usage/issues/dismiss", json={"file_id": file_id, "reason": "a test"})
    report = (await doors.client.get(f"/v1/usage/files/{file_id}/report")).json()
    assert (report["dismissed"], report["needs_a_person"]) == ({"rejected": 1}, False)
    assert (report["file"]["rejected"], report["file"]["read"]) == (1, 2)


def a_row(record_id: str, meter: str = "call", quantity: str = "1") -> str:
    return f"{record_id},{LINE},{meter},{quantity},2027-02-01T10:00:00Z,"


def a_file_that_waits(line: CommandLine) -> str:
    path = line.write("day.csv", HEADER, a_row("a"), a_row("b"), a_row("c", "sms"), a_row("d", "sms", "many"))
    file_id: str = json.loads(line.run("import", "csv", path, "--json").stdout)["files"][0]["file"]["file_id"]
    return file_id


def test_records_of_a_file_are_corrected_from_the_command_line(line: CommandLine) -> None:
    file_id = a_file_that_waits(line)
    asked = ("usage", "resubmit", "--file", file_id, "--field", "meter", "--set", "meter=sms")
    dry = line.run(*asked, "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "2 of 2 records would be sent again: 2 accepted.\n")
    done = line.run(*asked)
    assert (done.exit_code, done.stdout) == (0, "2 of 2 records were sent again: 2 accepted.\n")
    rest = line.run("usage", "resubmit", "--file", file_id)
    assert rest.exit_code == 3
    first, second = rest.stdout.splitlines()
    assert first == "1 of 1 records were sent again: 1 rejected."
    assert " is rejected: quantity: " in second
    told = json.loads(line.run("usage", "resubmit", "--file", file_id, "--json").stdout)
    assert (told["matched"], told["outcomes"]) == (1, {"rejected": 1})


def test_records_are_dismissed_from_the_command_line(line: CommandLine) -> None:
    file_id = a_file_that_waits(line)
    asked = ("usage", "dismiss", "--file", file_id, "--reason", "a test")
    assert line.run(*asked, "--dry-run").stdout == "3 of 3 records would be dismissed.\n"
    assert line.run(*asked, "--kind", "rejected").stdout == "1 of 1 records are dismissed.\n"
    assert json.loads(line.run(*asked, "--json").stdout)["dismissed"] == 2
    listed = json.loads(line.run("usage", "issues", "--status", "dismissed", "--json").stdout)
    assert {issue["resolution"] for issue in listed} == {"dismissed by sanne: a test"}
    assert "of them dismissed            3" in line.run("usage", "report", file_id).stdout
    named = line.run("usage", "dismiss", "--issue", listed[0]["issue_id"], "--reason", "a test")
    assert named.stdout.splitlines() == [
        "0 of 1 records are dismissed.",
        "1 were skipped: settled or worked on meanwhile.",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resubmit", "--set", "meter=voice"], "This would be every record that waits. Say at least one of kind"),
        (["resubmit", "--kind", "recycled", "--set", "meter"], "--set meter is not understood: write field=value"),
        (["resubmit", "--kind", "recycled", "--set", "metre=voice"], "No record has this field."),
        (["dismiss", "--issue", "rec_99", "--reason", "a test"], "There is no kept record rec_99."),
        (["dismiss", "--from", "yesterday", "--reason", "a test"], "created_from"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(line: CommandLine, arguments: list[str], words: str) -> None:
    result = line.run("usage", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert words in result.stderr


def test_a_field_is_left_out_and_quantities_and_attributes_are_no_texts(line: CommandLine) -> None:
    file_id = a_file_that_waits(line)
    settings = ("--set", "destination=", "--set", "quantity=2", "--set", 'attributes={"by": "hand"}')
    done = line.run("usage", "resubmit", "--file", file_id, "--field", "meter", "--set", "meter=sms", *settings)
    assert (done.exit_code, "2 accepted" in done.stdout) == (0, True), done.output
