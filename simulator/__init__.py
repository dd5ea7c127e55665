"""The outside world on one machine: payment provider, SMS, email and network control in the vendors' wire formats.

Owns: its own SQLite file, the vendors' answers, their signed callbacks, the hosted pay page, the inbox and the control
API for stories and faults. Does not own: any rule of ours; it imports nothing of ours but the business clock.
"""
