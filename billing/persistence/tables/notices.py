"""Notices with their evidence, and templates."""
