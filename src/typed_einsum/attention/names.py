"""One axis name for each meaning, in this package and in `typed_einsum.nn`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

AXES: Final = MappingProxyType(
    {
        "a": "hidden unit",
        "b": "sample of a batch",
        "c": "channel in which two things are compared",
        "chunk": "chunk of a sequence",
        "d": "channel of a value",
        "e": "channel of a model",
        "expert": "expert",
        "f": "feature of a kernel",
        "g": "channel of a text",
        "h": "row of an image",
        "i": "channel that goes in",
        "i1": "first index of a tensor train",
        "i2": "second index of a tensor train",
        "i3": "third index of a tensor train",
        "j": "offset between two positions, or bucket of offsets",
        "k": "position of a key",
        "l": "latent channel",
        "m": "head",
        "n": "text or document",
        "o": "channel that comes out",
        "p": "patch of an image",
        "q": "position of a query",
        "r": "head of a group that shares keys and values",
        "rank": "channel between two thin matrices",
        "rank1": "channel between the first and second core of a tensor train",
        "rank2": "channel between the second and third core of a tensor train",
        "reader": "head that reads values, where there are others that compare",
        "rot": "channel that carries a rotary position",
        "s": "slot",
        "t": "token",
        "u": "mixture of heads",
        "v": "entry of a vocabulary",
        "w": "column of an image",
        "x": "second column of an image: that of a key, or of a filter",
        "y": "second row of an image: that of a key, or of a filter",
        "z": "channel of a state",
    }
)
"""What each axis name means. Where letters run out, names are words."""
