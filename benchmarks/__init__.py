"""What Evenflow costs, measured on the machine at hand.

Owns the load, the measuring and the tables: ``python -m benchmarks`` (times, history, memory) and
``python -m benchmarks.soak`` (the demonstration under kill -9). Does not own any judgement: nothing fails for being
slow, only for being wrong. Reads ``/proc``, so it wants Linux. See docs/benchmarks.md.
"""
