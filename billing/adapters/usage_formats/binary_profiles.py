"""The declared sources of binary and XML files. Another one of a known format is one more declaration here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.adapters.usage_formats.broadworks import BroadWorksFormat, BroadWorksProfile
from billing.adapters.usage_formats.charging import ChargingFormat, ChargingProfile, charging_gateway
from billing.adapters.usage_formats.charging_records import ChargingRules
from billing.adapters.usage_formats.tap3 import Tap3Format, TapProfile, roaming
from billing.adapters.usage_formats.tap3_calls import RoamingRules
from billing.adapters.usage_formats.tap3_charges import Money
from billing.ports.usage import UsageFormat
from billing.ports.usage_profiles import SourceProfile

# A session passes several nodes and each writes records: only the packet gateway's are billed.
_PACKET_METERS: Mapping[str, str] = {"pGWRecord": "data", "sgsnSMORecord": "sms"}
_CIRCUIT_METERS: Mapping[str, str] = {"moCallRecord": "voice", "moSMSRecord": "sms"}


def charging_profiles(country: str) -> Sequence[ChargingProfile]:
    """Packet and circuit records, in files with the headers of TS 32.297 and in bare ones (which tell no totals)."""
    packet = ChargingRules("packet", _PACKET_METERS, country=country)
    circuit = ChargingRules("circuit", _CIRCUIT_METERS, country=country)
    return [
        charging_gateway("3gpp-packet", "packet-gateway", packet),
        charging_gateway("3gpp-packet-bare", "packet-gateway", packet, has_headers=False),
        charging_gateway("3gpp-circuit", "mobile-switch", circuit),
        charging_gateway("3gpp-circuit-bare", "mobile-switch", circuit, has_headers=False),
    ]


def roaming_profiles(country: str) -> Sequence[TapProfile]:
    """Partners charge in their own currency or in SDR; the amount of an event is in the currency of our bills."""
    return [
        roaming("tap3", "tap3", RoamingRules(money=Money("EUR"), country=country)),
        roaming("tap3-gb", "tap3-gb", RoamingRules(money=Money("GBP"), country="GB")),
    ]


def broadworks(country: str, name: str = "broadworks", source: str = "broadworks") -> BroadWorksProfile:
    """A hosted telephony switch: calls made to other networks, in UTC."""
    return BroadWorksProfile(SourceProfile(name, source, "broadworks", country=country))


def binary_formats(country: str = "NL") -> Sequence[UsageFormat]:
    """One reader for each declared source; ``country`` is that of our own network."""
    return [
        *map(Tap3Format, roaming_profiles(country)),
        *map(ChargingFormat, charging_profiles(country)),
        BroadWorksFormat(broadworks(country)),
    ]
