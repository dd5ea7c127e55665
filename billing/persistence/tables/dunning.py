"""Dunning policies, cases, promises and disputes."""
