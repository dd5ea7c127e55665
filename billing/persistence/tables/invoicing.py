"""Invoices, their lines and numbers."""
