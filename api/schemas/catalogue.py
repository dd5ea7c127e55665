"""The catalogue as one file at the door: examples of both forms, and what an import makes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.schemas.base import Response

A_YAML_FILE = """\
catalogue: 1
plans:
- brand: vonk
  code: vonk-klein
  name: Vonk Klein
  currency: EUR
  prices:
  - {code: fee, name: Monthly fee, model: recurring, fee: '7.50'}
  - {code: texts, name: Texts, model: per_unit, meter: messages, rate: '0.09'}
  allowances:
  - {code: texts, name: 50 texts, meter: messages, quantity: 50}
  on_change: {fees: pro_rata}
"""
A_CSV_FILE = """\
brand,plan_code,price_code,model,zones,destination,prefixes,time_band,currency,rate,connection_fee
vonk,vonk-basis,calls,per_unit,,,31,,EUR,0.12,0.05
vonk,vonk-basis,calls,per_unit,,Belgium,32,,EUR,0.18,0.10
"""


class DifferenceOut(Response):
    """One thing that changes; an empty side is not there."""

    field: str = Field(examples=["prices[calls].destinations[Belgium].rate"])
    before: str = Field(examples=["0.20"])
    after: str = Field(examples=["0.18"])


class PlanChangeOut(Response):
    """What an import makes of one plan; version 0 is none."""

    brand: str
    plan_code: str
    kind: Literal["new", "changed", "unchanged"]
    from_version: int
    to_version: int
    differences: list[DifferenceOut]
    differences_left_out: int


class CatalogueImportedOut(Response):
    """What an import changes, plan by plan; ``published`` is false for a dry run, and where nothing changed."""

    published: bool
    changed: int = Field(description="How many new versions.")
    changes: list[PlanChangeOut]
