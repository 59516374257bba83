"""The exceptions of typed-einsum. Each has a code, and each code has a page in the docs.

Catch `TypedEinsumError` for all of them. A shape error is also a `ValueError`, an error of dtype, type or
call also a `TypeError`, and a device error also a `RuntimeError`, as in torch, so existing `except`
clauses keep working.

Examples:
    >>> import torch
    >>> from typed_einsum import einsum, errors
    >>> try:
    ...     einsum("b q d, b k d -> b q k", torch.ones(2, 3, 5), torch.ones(2, 4, 7))
    ... except errors.ShapeError as error:
    ...     print(error.code)
    TE201
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from typed_einsum.diagnostics import Diagnostic

__all__ = [
    "CODES",
    "ArgumentError",
    "DeviceError",
    "DtypeError",
    "EquationError",
    "SettingError",
    "ShapeError",
    "SignatureError",
    "TypedEinsumError",
]

CODES: Final = MappingProxyType(
    {
        "TE101": "the equation has no `->`",
        "TE102": "the equation has more than one `->`",
        "TE103": "the equation is empty",
        "TE104": "the equation is too long",
        "TE105": "an axis is not spelled as an axis",
        "TE106": "an output axis that no operand has",
        "TE107": "an output axis named twice",
        "TE108": "an axis summed out of one operand alone",
        "TE109": "`sum=`, `max=` or `over=` names an axis that cannot be reduced",
        "TE110": "a letter of the equation and the annotated names disagree",
        "TE111": "the equation and the signature disagree on operands or axes",
        "TE112": "a bare integer axis in a contraction",
        "TE113": "an axis that cannot be contracted or rearranged",
        "TE114": "more than one variadic axis in one operand",
        "TE115": "one axis with two fixed sizes",
        "TE116": "more distinct axes than torch can contract",
        "TE117": "a mask whose axes do not fit the scores",
        "TE201": "one axis, two sizes",
        "TE202": "a tensor has too many or too few axes",
        "TE203": "an axis does not have its fixed size",
        "TE204": "the axes under one `*name` differ",
        "TE205": "an axis does not have its computed size",
        "TE206": "an axis cannot be computed",
        "TE207": "a maximum or a mean over an empty axis",
        "TE301": "a dtype that the annotation does not allow",
        "TE302": "operands of different dtypes",
        "TE303": "operands on different devices",
        "TE304": "an operand is not a tensor",
        "TE305": "the result's dtype is not the annotated one",
        "TE306": "a maximum of a dtype without an order",
        "TE401": "a missing operand",
        "TE402": "an unknown keyword",
        "TE403": "too many operands",
        "TE405": "`shaped` outside a checked function",
        "TE406": "an argument is not what its annotation says",
        "TE407": "a result is not what its annotation says",
        "TE408": "axes, an equation, `sum=`, `max=` or `over=` that are not a text",
        "TE409": "`axis_sizes` is not a dict of names and sizes",
        "TE410": "settings of a module that contradict each other",
        "TE411": "a module in a mode that a call does not allow",
        "TE412": "an argument that cannot be made from its annotation",
        "TE413": "an einsum fence that cannot be read",
        "TE501": "a body that would never run",
        "TE502": "a default on an operand",
        "TE503": "a parameter without a tensor annotation",
        "TE504": "a result without a tensor annotation",
        "TE505": "an annotation that does not resolve",
        "TE506": "something that is not a function",
        "TE507": "`*args` or `**kwargs` in a typed einsum",
        "TE508": "a typed einsum without operands",
        "TE701": "a function fails at sizes that its annotations allow",
        "TE702": "a file or function crashed, exited or ran too long while it was checked",
        "TE703": "a reshape that mixes axes",
        "TE704": "an axis broadcast against itself",
        "TE705": "a loss of unequal shapes",
        "TE706": "weights normalised over one axis and summed over another",
        "TE707": "precision lost in a cast",
        "TE708": "a bool tensor added to numbers",
        "TE709": "samples of a batch that affect each other",
        "TE710": "arguments that are not matched along an axis they share",
        "TE711": "one name for two axes of a tensor",
        "TE712": "a claim about a function that does not hold",
        "TE713": "numbers that differ from the reference",
        "TE714": "an index that is the size of an axis",
        "TE715": "a diagonal taken inside a product",
        "TE716": "an index that picks other entries than it says",
        "TE717": "a softmax, a mask or a reduction without effect",
        "TE718": "a squeeze that drops more than one axis",
        "TE719": "two axes with two names that must be one size",
        "TE720": "a named axis that must be one number",
        "TE731": "an axis split in two ways",
        "TE732": "a product of two sums",
        "TE733": "positions used with the size of another axis",
        "TE734": "an assignment to an empty slice",
        "TE735": "merged axes cut between entries of the inner one",
        "TE736": "a result that depends on the size of an axis",
        "TE737": "an object that fails when it is called again",
        "TE738": "an argument that changes nothing",
        "TE739": "a shift or positions along an axis that has no order",
        "TE740": "entries that see only what comes after them",
        "TE741": "sorted entries matched with unsorted ones",
        "TE742": "a shift along one axis and a cut along another",
        "TE743": "scores or sums scaled by the size of another axis",
        "TE744": "an operation along the default axis",
        "TE745": "entries that a mask has set to zero still count",
    }
)
"""The short meaning of every code. TE1xx: equations; TE2xx: shapes; TE3xx: dtypes and devices; TE4xx: calls;
TE5xx: decorated functions; TE7xx: findings of `typed-einsum check` and `typed_einsum.testing`."""


_CODE = re.compile(r"\[(TE[0-9]{3})\]: ")


class TypedEinsumError(Exception):
    """Base of every error that typed-einsum raises.

    Attributes: `code`, such as `"TE201"`, and `diagnostic`, the message as data. When a `DataLoader`
    worker raises an error, torch makes a new one from its text; then `str(error)` is that text, and `code` is
    read from it.
    """

    _text: str | None = None

    def __init__(self, diagnostic: Diagnostic | str) -> None:
        super().__init__(diagnostic)
        if isinstance(diagnostic, str):
            self._text = diagnostic
            found = _CODE.search(diagnostic)
            diagnostic = Diagnostic(found[1] if found else "", diagnostic)
        self.diagnostic = diagnostic

    @property
    def code(self) -> str:
        """The code of the message; its page in the docs has the same name."""
        return self.diagnostic.code

    def __str__(self) -> str:
        return self._text or self.diagnostic.render(type(self).__name__)


class EquationError(TypedEinsumError, ValueError):
    """The equation is wrong for all tensors (TE1xx)."""


class ShapeError(TypedEinsumError, ValueError):
    """A tensor's shape is not what its axes say (TE2xx)."""


class DtypeError(TypedEinsumError, TypeError):
    """A tensor's dtype, or an operand's type, is not what its annotation says (TE3xx)."""


class DeviceError(TypedEinsumError, RuntimeError):
    """Operands are on different devices (TE303)."""


class ArgumentError(TypedEinsumError, TypeError):
    """A call that does not fit the function (TE4xx)."""


class SettingError(ArgumentError, ValueError):
    """Settings of a module that contradict each other (TE410)."""


class SignatureError(TypedEinsumError, TypeError):
    """A function that cannot be decorated in this form (TE5xx)."""
