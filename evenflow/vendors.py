"""Who is outside: payment provider, messengers and network, built from the settings."""

from __future__ import annotations

from pydantic import SecretStr

from billing.adapters.http_network import HttpNetwork, SignedConfirmations
from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.stripe.provider import StripePayments
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.adapters.twilio.whatsapp import TwilioWhatsApp
from billing.ports.messenger import EMAIL, SMS, WHATSAPP, Messenger
from evenflow.boundaries import watched
from evenflow.settings import Settings


def stripe_of(settings: Settings) -> StripePayments:
    """The payment provider."""
    stripe = settings.stripe
    secrets = several(stripe.webhook_secret)
    key = stripe.secret_key.get_secret_value()
    return StripePayments(key, secrets, stripe.api_base, creditor_id=stripe.creditor_id)


def several(keys: SecretStr | str) -> tuple[str, ...]:
    """The keys of a setting, the newest first: "new,old" while one is being replaced."""
    text = keys if isinstance(keys, str) else keys.get_secret_value()
    return tuple(key.strip() for key in text.split(",") if key.strip())


def messengers_of(settings: Settings) -> dict[str, Messenger]:
    """By channel."""
    email, sms = settings.sendgrid, settings.twilio
    messengers: dict[str, Messenger] = {
        EMAIL: SendGridMessenger(
            email.api_key.get_secret_value(),
            email.from_address,
            SendGridCallbacks(several(email.verification_key)),
            api_base=email.api_base,
        ),
        SMS: TwilioMessenger(
            sms.account_sid,
            sms.auth_token.get_secret_value(),
            sms.from_number,
            f"{settings.public.api_base.rstrip('/')}/webhooks/twilio",
            api_base=sms.api_base,
        ),
        WHATSAPP: whatsapp_of(settings),
    }
    return {channel: watched(settings, messenger) for channel, messenger in messengers.items()}


def whatsapp_of(settings: Settings) -> TwilioWhatsApp:
    """The messenger of WhatsApp, which its desk needs for itself."""
    twilio = settings.twilio
    return TwilioWhatsApp(
        twilio.account_sid,
        twilio.auth_token.get_secret_value(),
        senders_of(twilio.whatsapp_from),
        f"{settings.public.api_base.rstrip('/')}/webhooks/twilio",
        api_base=twilio.api_base,
    )


def senders_of(text: str) -> dict[str, str]:
    """Numbers by brand; one without a brand is everybody's."""
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    return {brand.strip(): number.strip() for brand, _, number in pairs}


def network_of(settings: Settings) -> HttpNetwork:
    """Who restricts and frees lines."""
    return HttpNetwork(settings.network.api_base, settings.network.api_key.get_secret_value())


def confirmations_of(settings: Settings) -> SignedConfirmations:
    """How the network proves that it confirmed."""
    return SignedConfirmations(several(settings.network.signing_secret))
