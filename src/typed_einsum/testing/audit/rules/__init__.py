"""The rules: each looks at one operation of torch, and a code leads to its file."""

from typed_einsum.testing.audit.rules import (
    assignments,
    booleans,
    broadcasting,
    coordinates,
    cutting,
    diagonals,
    einsums,
    indexing,
    losses,
    no_effect,
    normalisation,
    ordering,
    picking,
    precision,
    products,
    reshaping,
    splitting,
)
from typed_einsum.testing.audit.rules.registry import RULES, judge

__all__ = [
    "RULES",
    "assignments",
    "booleans",
    "broadcasting",
    "coordinates",
    "cutting",
    "diagonals",
    "einsums",
    "indexing",
    "judge",
    "losses",
    "no_effect",
    "normalisation",
    "ordering",
    "picking",
    "precision",
    "products",
    "reshaping",
    "splitting",
]
