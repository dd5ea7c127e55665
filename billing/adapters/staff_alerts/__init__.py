"""Where alerts to staff go: a mailbox by the messenger of email, and a web address."""

from billing.adapters.staff_alerts.mailbox import MailboxAlerts
from billing.adapters.staff_alerts.webhook import WebhookAlerts

__all__ = ["MailboxAlerts", "WebhookAlerts"]
