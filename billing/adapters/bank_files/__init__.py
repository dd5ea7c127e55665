"""Direct debit by bank file: the provider, the file's writer, the seal around account numbers, the drop folder."""

from billing.adapters.bank_files.folder import FileFolder
from billing.adapters.bank_files.pain008 import PainWriter
from billing.adapters.bank_files.provider import BankFilePayments
from billing.adapters.bank_files.sealing import KeyRing, key_ring_from

__all__ = ["BankFilePayments", "FileFolder", "KeyRing", "PainWriter", "key_ring_from"]
