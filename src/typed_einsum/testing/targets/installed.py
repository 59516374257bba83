"""Where Python installs packages."""

from __future__ import annotations

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""The names of the folders that packages are installed in."""
