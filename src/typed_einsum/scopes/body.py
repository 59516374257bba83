"""Which scope a call belongs to: that of the function, or of the block, in which the call is written.

The names of a checked function are known in its own body, with the comprehensions, lambdas and functions in
it, and not in the functions that it calls.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from torch.compiler import is_dynamo_compiling

from typed_einsum.scopes.scope import SIGNATURE, scopes, signatures
from typed_einsum.tracing import constant_while_tracing

_getframe = sys._getframe

RESUMED = "torch_dynamo_resume_in_"
"""How Dynamo names the rest of a function that it continues after a graph break."""


def code_of(function: Callable[..., Any]) -> list[CodeType]:
    """The code of a function; below other decorators, that of its author first."""
    written = (getattr(each, "__code__", None) for each in (inspect.unwrap(function), function))
    return [code for code in written if code is not None]


def identities(code: CodeType, *, whole: bool) -> frozenset[int]:
    """Identities of code and of what is written inside it; if not `whole`, of lambdas and the like alone.

    Code lives as long as the code around it, so that no other gets its identity meanwhile.
    """
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    chosen = (each for each in inner if whole or each.co_name.startswith("<"))
    return frozenset({id(code)}).union(*(identities(each, whole=whole) for each in chosen))


def scope_of_caller() -> tuple[Any, ...] | None:
    """The scope in whose code the call stands that the calling function answers; None outside of all."""
    stack = scopes.stack
    if not stack:
        return None
    if is_dynamo_compiling():
        return _scope_in_trace(stack)
    code = _getframe(2).f_code
    scope = stack[-1]
    return scope if scope[SIGNATURE].code is code else _scope_around(stack, code)


def _scope_around(stack: list[tuple[Any, ...]], code: CodeType) -> tuple[Any, ...] | None:
    if code.co_name.startswith(RESUMED):
        return stack[-1]
    identity = id(code)
    return next((scope for scope, owner in signatures(stack) if identity in owner.codes), None)


def _scope_in_trace(stack: list[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    traced = codes_in_trace(3, False)
    if not traced:
        return stack[-1]
    for scope, owner in signatures(stack):
        if traced[0] in owner.codes:
            return scope
    return None


@constant_while_tracing
def codes_in_trace(depth: int, inside: bool) -> tuple[int, ...]:
    """The identity of the code that is being traced some calls out, and of the code inside it if wanted.

    Nothing where Dynamo does not tell, or has made the code itself.
    """
    try:
        from torch._dynamo.symbolic_convert import InstructionTranslator

        traced: Any = InstructionTranslator.current_tx().output.current_tx
        for _ in range(depth):
            traced = traced.parent
            while "polyfills" in traced.f_code.co_filename:  # Dynamo's own, between a class and its __init__
                traced = traced.parent
        code: CodeType = traced.f_code
    except Exception:  # Dynamo's own parts, which may change
        return ()
    if code.co_name.startswith(RESUMED):
        return ()
    return (id(code), *identities(code, whole=False)) if inside else (id(code),)
