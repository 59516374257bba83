"""Which reference a function may be compared with, told by its name and its parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Usual:
    """A reference: words, one of which is in the name of a function like it, and names of its parameters.

    Each parameter may have any of the names in its tuple.
    """

    reference: str
    words: tuple[tuple[str, ...], ...]
    parameters: tuple[tuple[str, ...], ...]


QUERY, KEY, VALUE = ("q", "query", "queries"), ("k", "key", "keys"), ("v", "value", "values")
LOGITS = ("logits", "input", "inputs", "x", "pred", "preds", "prediction", "predictions", "scores")
TARGET = ("target", "targets", "y", "label", "labels", "gt", "truth")
INPUT = ("x", "input", "inputs", "image", "images", "hidden", "hidden_states", "features")
BOXES = ("box", "boxes", "one", "a", "pred", "box1", "boxes1", "bboxes1", "b1")
OTHER_BOXES = ("other", "others", "b", "gt", "target", "targets", "box2", "boxes2", "bboxes2", "b2")

USUAL = (
    Usual("attention", (("attention",), ("attend",), ("sdpa",), ("attn",)), (QUERY, KEY, VALUE)),
    Usual("rotary", (("rotary",), ("rope",)), (("x", "q", "query", "k", "t"),)),
    Usual(
        "gae",
        (("gae",), ("generalized", "advantage")),
        (("rewards", "reward", "r"), ("values", "value", "v")),
    ),
    Usual("box_iou", (("iou",), ("overlaps",)), (BOXES, OTHER_BOXES)),
    Usual("layer_norm", (("layer", "norm"), ("layernorm",)), (INPUT,)),
    Usual("rms_norm", (("rms", "norm"), ("rmsnorm",)), (INPUT,)),
    Usual("group_norm", (("group", "norm"), ("groupnorm",)), (INPUT,)),
    Usual("cross_entropy", (("cross", "entropy"),), (LOGITS, TARGET)),
    Usual("focal", (("focal",),), (LOGITS, TARGET)),
    Usual("patchify", (("patchify",), ("to", "patches")), (INPUT,)),
    Usual("im2col", (("im", "2", "col"), ("unfold",)), (INPUT,)),
    Usual("ssd", (("ssd",),), (("x",), ("a", "A", "dt"), ("b", "B"), ("c", "C"))),
)


def suggested(name: str, tensors: Sequence[str]) -> str:
    """The reference of a function of this name, `Class.method` or plain, with tensors under these names.

    Empty where there is none: a name alone is not enough.

    Examples:
        >>> suggested("scaled_attention", ["q", "k", "v", "mask"])
        'attention'
        >>> suggested("attention", ["x"])
        ''
    """
    words = [word.lower() for word in WORD.findall(_subject(name).rpartition(".")[2])]
    for usual in USUAL:
        is_named = any(set(each) <= set(words) for each in usual.words)
        if is_named and all(set(names) & set(tensors) for names in usual.parameters):
            return usual.reference
    return ""


def _subject(name: str) -> str:
    """What a contract is checked of: the class of a `forward`, or a function."""
    return name.removesuffix(".forward")


def suggestion(name: str, tensors: Sequence[str]) -> str:
    """What a reader is told; empty where no reference suits.

    Examples:
        >>> suggestion("gae", ["rewards", "values", "done"])
        'check_contract(gae, like=references.gae) compares its numbers with a loop'
    """
    reference = suggested(name, tensors)
    if not reference:
        return ""
    return f"check_contract({_subject(name)}, like=references.{reference}) compares its numbers with a loop"
