"""Observed calls: what a project's own tests and scripts pass to its functions, and what comes back."""
