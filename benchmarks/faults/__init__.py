"""A population that bills and pays while everything breaks around it: ``python -m benchmarks.faults``.

Workers die at the boundaries of their activities, servers stop, webhooks are lost, doubled, late and out of order, and
vendors hang, stumble and refuse. Afterwards money, notices and processes are held against what they have to be.
"""
