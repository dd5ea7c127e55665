"""The demonstration: two months of two brands in five minutes, on the real parts.

Owns: the catalogue and customers it loads, what they do from outside (read their messages, pay, dispute), the usage
files, the progress shown and the summary. Does not own: anything that bills, collects or notifies; it only uses doors
that an operator or a customer has.
"""

from evenflow.demo.run import run_demo

__all__ = ["run_demo"]
