"""What a form can choose from: the account's own invoices, lines, payments, methods and agreements."""

from __future__ import annotations

from api.console.actions.fields import Ground, Options
from api.console.pages import amount, words
from billing.domain.invoice_lines import line_id
from billing.messages.payments import PaymentStatus
from billing.services.owed_lines import owed_by_line

DAYS: Options = [(str(day), str(day)) for day in range(1, 32)]
OPEN = "open"


async def open_invoices(ground: Ground) -> Options:
    """Those with something open, oldest first."""
    async with ground.container.make_work() as work:
        found = await work.ledger.open_invoices(ground.account_id)
    return [
        (one.invoice_id, f"{one.number}: {amount(one.open_minor, one.currency)} open, due {one.due_on}")
        for one in found
        if one.open_minor > 0
    ]


async def lines_of_invoice(ground: Ground) -> Options:
    """The lines of the chosen invoice that something is owed for, with VAT, by their identity."""
    invoice_id = ground.chosen.get("invoice_id", "")
    if not invoice_id:
        return []
    document = await ground.container.invoicing.document(ground.account_id, invoice_id)
    return [
        (
            line_id(invoice_id, owed.position),
            f"{owed.line.description}: {amount(owed.gross_minor, document.invoice.currency)}",
        )
        for owed in owed_by_line(document.lines, document.taxes, document.brand.tax_table)
        if owed.gross_minor is not None and owed.gross_minor > 0
    ]


async def services(ground: Ground) -> Options:
    """Lines that did not end."""
    found = await ground.container.accounts.services_of(ground.account_id)
    return [(one.service_id, f"{one.identifier} ({one.kind})") for one in found if one.active_to is None]


async def payments(ground: Ground) -> Options:
    """Payments that brought money."""
    async with ground.container.make_work() as work:
        found = await work.payments.attempts(ground.account_id)
    return [
        (one.attempt_id, f"{one.created_at:%Y-%m-%d}: {amount(one.received_minor, one.currency)}, {one.attempt_id}")
        for one in reversed(found)
        if one.status == PaymentStatus.SUCCEEDED and one.received_minor > 0
    ]


async def methods(ground: Ground) -> Options:
    """Stored methods that are not in use."""
    async with ground.container.make_work() as work:
        found = await work.payments.methods(ground.account_id)
    return [
        (one.method_id, f"{words(one.kind)} ending in {one.last_four}, {one.status}")
        for one in found
        if not one.is_default
    ]


async def policies(ground: Ground) -> Options:
    """Every published dunning policy, as code and version."""
    found = await ground.container.dunning_policies.all()
    return [
        (f"{one.policy_code}:{one.policy_version}", f"{one.policy_code}, version {one.policy_version}") for one in found
    ]


async def write_offs(ground: Ground) -> Options:
    """Write-offs of which something is left."""
    found = await ground.container.arrangements.write_offs(ground.account_id)
    return [
        (one.write_off_id, f"{one.at:%Y-%m-%d}: {amount(one.left_minor, one.currency)}, {one.reason}")
        for one in found
        if one.left_minor > 0
    ]


async def fees(ground: Ground) -> Options:
    """Charged fees that were not waived."""
    found = await ground.container.fees.all(ground.account_id)
    return [
        (one.fee_id, f"{words(one.kind)} fee of {amount(one.amount_minor, one.currency)}, {one.charged_at:%Y-%m-%d}")
        for one in found
        if one.waived_at is None and one.adjustment_id is not None
    ]


async def disputes(ground: Ground) -> Options:
    """Disputes that nobody decided yet."""
    found = await ground.container.disputes.all(ground.account_id)
    return [
        (one.dispute_id, f"{one.dispute_id} on {one.invoice_id}: {one.reason}") for one in found if one.status == OPEN
    ]


async def plans(ground: Ground) -> Options:
    """The running payment plan."""
    found = await ground.container.payment_plans.all(ground.account_id)
    return [
        (one.plan_id, f"{amount(one.total_minor, one.currency)} in {len(one.instalments)} instalments")
        for one in found
        if one.status == "running"
    ]


async def cases(ground: Ground) -> Options:
    """The account's dunning cases, the newest first."""
    story = await ground.container.dunning.story(ground.account_id)
    return [(one.case_id, f"{one.case_id}, {one.stage}, since {one.opened_at:%Y-%m-%d}") for one in story.cases]
