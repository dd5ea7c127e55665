"""What customers see and do by themselves, put together."""

from __future__ import annotations

from typing import Any

from api.portal.looks import PortalLooks
from billing.services.access_notices import AccessNotices
from billing.services.customer_access import CustomerAccess
from billing.services.customer_choices import CustomerChoices
from billing.services.customer_contacts import CustomerContacts
from billing.services.customer_export import CustomerExport
from billing.services.customer_money import CustomerMoney
from billing.services.customer_secrets import CustomerSecrets
from billing.services.customer_sessions import CustomerSessions
from billing.services.customer_tries import CustomerTries
from billing.services.self_service_links import SelfServiceLinks, our_address
from evenflow.parts import Parts
from evenflow.settings import Settings


def links_of(settings: Settings) -> SelfServiceLinks:
    """The addresses of self-service in notices."""
    return SelfServiceLinks(CustomerSecrets(settings.secrets.session_key.get_secret_value()))


def self_service_of(parts: Parts, settings: Settings) -> dict[str, Any]:
    """The parts by their names in the container."""
    make_work, clock = parts.make_work, parts.clock
    secrets = CustomerSecrets(settings.secrets.session_key.get_secret_value())
    links, tries = links_of(settings), CustomerTries(make_work, secrets)
    notices = AccessNotices(make_work, clock, parts.messengers, parts.paylinks.paylink_for, links.address)
    base = our_address(settings.public.api_base)
    return {
        "portal_looks": PortalLooks(make_work, clock),
        "self_service_links": links,
        "customer_access": CustomerAccess(make_work, secrets, tries, notices, f"{base}/link"),
        "customer_sessions": CustomerSessions(make_work, clock, secrets),
        "customer_tries": tries,
        "customer_choices": CustomerChoices(make_work, clock),
        "customer_contacts": CustomerContacts(make_work, clock, secrets, tries, notices),
        "customer_export": CustomerExport(make_work, clock, parts.invoicing),
        "customer_money": CustomerMoney(make_work, clock, parts.pay_sessions),
    }
