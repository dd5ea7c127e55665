"""Bank files coming in: pain.002, camt.052, camt.053 and camt.054, read in bounded memory and never trusted."""

from billing.adapters.bank_statements.reader import read_bank_file

__all__ = ["read_bank_file"]
