"""The repair for a value of another type, or a tensor of another dtype, than its annotation says."""

from __future__ import annotations

import re
from typing import Any

import torch

from typed_einsum.messages.facts import code_for, kind_of, passing, verb
from typed_einsum.solver.labels import is_result
from typed_einsum.tensors import is_tensor


def dtype_repair(label: str, allowed: frozenset[torch.dtype], found: torch.dtype) -> str:
    """The repair for a tensor whose dtype its annotation does not allow."""
    wider = "annotate a wider dtype such as " + ("`Shaped`" if found == torch.bool else "`Num`")
    for dtype, method in ((torch.float32, "float"), (torch.int64, "long"), (torch.bool, "bool")):
        if dtype in allowed:
            return f"{passing(label, f'{method}()')}, or {wider}"
    if not allowed:  # a kind of jaxtyping's that no torch dtype is
        return wider
    return f"{passing(label, f'to({min(map(str, allowed))})')}, or {wider}"


def type_repair(label: str, wanted: str, value: Any) -> str:
    """The repair for a value of another type than its annotation, `wanted`, says."""
    code, returned = code_for(label), is_result(label)
    found = "Tensor" if is_tensor(value) else kind_of(value)
    if isinstance(value, list) and wanted.startswith("a tuple"):
        return f"{verb(label)} tuple({code})"
    if value is None and returned:
        return "is a `return` missing? if None is meant, add `| None` to the annotation"
    if wanted == "None":
        return "annotate what comes out, or return nothing"
    if re.fullmatch(r'\w+\[Tensor, "[^"]*"\]', wanted) and found != "None":
        return f"{verb(label)} a torch.Tensor: torch.as_tensor({code}) makes one"
    if is_tensor(value) and wanted.startswith(("list[", "Sequence[")):
        return f"{verb(label)} [{code}]"
    if is_tensor(value) and "[Tensor, " in wanted:
        return f"{verb(label)} what the annotation says, or add this to it"
    quoted = wanted if wanted.startswith("a tuple") else f"`{wanted}`"
    if wanted.startswith((found, "a tuple")):
        return f"{verb(label)} {quoted}, each item as the annotation says"
    return f"{verb(label)} {quoted}, or add `| {found}` to the annotation"
