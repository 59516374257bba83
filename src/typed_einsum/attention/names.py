"""One letter for each meaning, in this package and in `typed_einsum.nn`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

AXES: Final = MappingProxyType(
    {
        "a": "hidden unit of an additive score",
        "b": "image, sequence or other sample of a batch",
        "c": "channel in which two things are compared",
        "d": "channel of a value",
        "e": "channel of a model",
        "f": "feature of a kernel, or hidden unit of an expert",
        "g": "channel of a text",
        "h": "row of an image",
        "i": "channel that goes in",
        "j": "chunk of a sequence, or offset between two positions",
        "k": "position of a key",
        "l": "latent channel",
        "m": "head",
        "n": "text or document",
        "o": "channel that comes out",
        "p": "patch of an image",
        "q": "position of a query",
        "r": "head of a group that shares keys and values",
        "s": "slot",
        "t": "token",
        "u": "mixture of heads",
        "v": "entry of a vocabulary",
        "w": "column of an image",
        "x": "column of an image, of a key; or expert",
        "y": "row of an image, of a key; or rank",
        "z": "state",
    }
)
"""What each axis name means."""
