"""Equations and annotations read from source alone: nothing is imported, torch included."""
