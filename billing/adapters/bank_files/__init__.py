"""Direct debit by bank file: the provider, the file's writer, the seal around account numbers, the drop folder."""
