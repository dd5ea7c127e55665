"""Barring orders and their confirmations."""
