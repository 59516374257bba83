"""Annotations for functions that have none: planned from what was observed, proved, and written."""
