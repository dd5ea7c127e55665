"""The payment provider Stripe, by its own SDK. Owns its words and failures; decides nothing about customers."""

from billing.adapters.stripe.provider import StripePayments

__all__ = ["StripePayments"]
