"""Usage file formats: one module per format with its decoder, and the declared profiles that use them."""

from billing.adapters.usage_formats.declarations import declared_formats
from billing.adapters.usage_formats.profiles import ASTERISK, GENERIC_CSV, NDJSON, known_formats, standard_formats

__all__ = ["ASTERISK", "GENERIC_CSV", "NDJSON", "declared_formats", "known_formats", "standard_formats"]
