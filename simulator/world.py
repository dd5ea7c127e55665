"""What every vendor's part shares: configuration, memory, callbacks, faults and the clock."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from simulator.config import SimulatorConfig
from simulator.deliveries import Deliveries
from simulator.faults import Faults
from simulator.signatures import Signer
from simulator.store import Store, Transaction

_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class World:
    """The simulator's own composition: one per process."""

    config: SimulatorConfig
    store: Store
    faults: Faults
    signer: Signer
    deliveries: Deliveries

    def webhook_urls(self, tx: Transaction, name: str) -> list[str]:
        """Where callbacks of stripe, sendgrid, network or twilio_incoming go: as set later, else as at start."""
        kept = (tx.setting("webhooks") or {}).get(name)
        if kept is not None:
            return [kept] if isinstance(kept, str) else list(kept)
        configured = {
            "stripe": self.config.stripe_webhook_urls,
            "sendgrid": (self.config.sendgrid_webhook_url,),
            "network": (self.config.network_webhook_url,),
            "twilio_incoming": (self.config.twilio_incoming_url,),
        }[name]
        return [url for url in configured if url]


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh identity in the vendors' manner, such as ``pi_`` and 24 letters and digits."""
    return f"{prefix}_" + "".join(_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(length))


def new_sid(prefix: str) -> str:
    """A fresh identity in Twilio's manner: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)
