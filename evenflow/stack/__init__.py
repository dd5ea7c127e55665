"""The embedded stack: everything Evenflow needs on one machine, as supervised child processes.

Owns: which processes run, where their data and logs lie, on which ports, in which order they start and stop, and what
happens when one of them dies. Does not own: what the processes do, the settings, or the schema of the database.
"""
