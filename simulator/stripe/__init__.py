"""The payment provider: customers, payment methods, mandates, payments, refunds, disputes, checkout, events.

Owns the wire format and the documented test values of Stripe. Does not own who is charged, when, or what follows.
"""
