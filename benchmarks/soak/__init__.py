"""The demonstration with its parts being killed: ``python -m benchmarks.soak``.

kill -9 of any part, or of everything with the supervisor, at moments drawn from a seed. The demonstration itself says
at its end whether every sum is right; ``--compare`` also runs it undisturbed and compares what was billed and received.
"""
