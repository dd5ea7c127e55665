"""The network's barring interface over HTTP: orders and states out, signed confirmations in."""

from __future__ import annotations

from billing.adapters.http_network.confirmations import SignedConfirmations
from billing.adapters.http_network.network import HttpNetwork

__all__ = ["HttpNetwork", "SignedConfirmations"]
