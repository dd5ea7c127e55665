"""The catalogue as one file: written, read with the place of every value, checked as a whole, and published at once.

Owns: the YAML form (whole plans) and the CSV form (flat rates), the places of problems in them, and what an import
changes. Does not own: what a plan may say (``billing.domain.rating``).
"""
