"""What was said to an account and not yet handled: facts are carried over runs, commands are answered within one."""

from __future__ import annotations

from collections import deque

from temporalio import workflow

from billing.messages.account import Command, CommandResult, InboxItem

# Enough to recognise every repeat a provider sends within a cycle; bounded, so that the carried state stays small.
SEEN_MESSAGES = 200
REMEMBERED_RESULTS = 50
# A provider's hint about an attempt's first outcome, and nothing later.
ONLY_OUTCOME = "outcome"


class Inbox:
    """Facts and commands in order of arrival, each handled once."""

    def __init__(self, items: tuple[InboxItem, ...], seen: tuple[str, ...], results: tuple[CommandResult, ...]) -> None:
        self._facts = deque(items)
        self._seen = deque(seen, maxlen=SEEN_MESSAGES)
        self._commands: deque[tuple[str, Command]] = deque()
        self._results = {result.command_id: result for result in results}
        self._waiting: set[str] = set()

    @property
    def has_mail(self) -> bool:
        return bool(self._facts or self._commands)

    @property
    def has_commands(self) -> bool:
        return bool(self._commands)

    def put(self, item: InboxItem) -> None:
        """Take a fact, unless its message id was seen before or the same hint is waiting already."""
        if item.message_id and item.message_id in self._seen:
            return
        if item.message_id:
            self._seen.append(item.message_id)
        if not any(
            (one.kind, one.subject, one.detail) == (item.kind, item.subject, item.detail) for one in self._facts
        ):
            self._facts.append(item)

    def drop_outcome_hints(self, attempt: str) -> None:
        """Forget waiting hints about the first outcome of an attempt that was just read where it is kept.

        News of its refunds and disputes is kept: the vendor's answer to the debit may not have known of them yet.
        """
        about = [one for one in self._facts if (one.kind, one.subject) == ("payment_outcome_received", attempt)]
        later = [one for one in about if one.detail != ONLY_OUTCOME]
        kept = later if later and workflow.patched("later-hints-are-kept") else []
        self._facts = deque(one for one in self._facts if one not in about or one in kept)

    def drop_kind(self, kind: str) -> None:
        """Forget waiting facts of a kind that a newer event has overtaken."""
        self._facts = deque(one for one in self._facts if one.kind != kind)

    def knows(self, command_id: str) -> bool:
        """True for a command that was answered before, or waits to be carried out."""
        return command_id in self._results or command_id in self._waiting

    def next_fact(self) -> InboxItem:
        return self._facts.popleft()

    def next_command(self) -> tuple[str, Command]:
        return self._commands.popleft()

    @property
    def facts(self) -> tuple[InboxItem, ...]:
        return tuple(self._facts)

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(self._seen)

    @property
    def results(self) -> tuple[CommandResult, ...]:
        return tuple(list(self._results.values())[-REMEMBERED_RESULTS:])

    async def ask(self, kind: str, command: Command) -> CommandResult:
        """Queue a command for the run and wait for its answer; a repeated id gets the first answer again."""
        known = self._results.get(command.command_id)
        if known is not None:
            return known
        if command.command_id not in self._waiting:
            self._waiting.add(command.command_id)
            self._commands.append((kind, command))
        await workflow.wait_condition(lambda: command.command_id in self._results)
        return self._results[command.command_id]

    def answer(self, result: CommandResult) -> None:
        """Give the caller of a command its result."""
        self._waiting.discard(result.command_id)
        self._results[result.command_id] = result
