"""The names of torch's operations, each under one spelling, by what they do."""

from __future__ import annotations

from typing import Any

SAME = {
    **dict.fromkeys(("__add__", "__radd__", "__iadd__"), "add"),
    **dict.fromkeys(("__sub__", "__isub__", "__rsub__", "rsub", "subtract"), "sub"),
    **dict.fromkeys(("__mul__", "__rmul__", "__imul__", "multiply"), "mul"),
    **dict.fromkeys(("__truediv__", "__itruediv__", "__rtruediv__", "__rdiv__", "__div__"), "div"),
    **dict.fromkeys(("divide", "true_divide"), "div"),
    **dict.fromkeys(("__floordiv__", "__ifloordiv__", "__rfloordiv__"), "floor_divide"),
    **dict.fromkeys(("__mod__", "__imod__", "__rmod__"), "remainder"),
    **dict.fromkeys(("__pow__", "__ipow__", "__rpow__"), "pow"),
    **dict.fromkeys(("__matmul__", "__imatmul__", "__rmatmul__"), "matmul"),
    **{f"__{name}__": f"bitwise_{name}" for name in ("and", "or", "xor")},
    **{
        "__invert__": "bitwise_not",
        "__neg__": "neg",
        "negative": "neg",
        "__abs__": "abs",
        "absolute": "abs",
        "clip": "clamp",
    },
    **{f"__{name}__": name for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{"not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge"},
    **{"concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "swapdims": "transpose"},
    **{"moveaxis": "movedim", "linalg_vector_norm": "norm", "linalg_norm": "norm", "vector_norm": "norm"},
}
"""Other spellings of one operation."""

REVERSED = {
    *("__rsub__", "rsub", "__rtruediv__", "__rdiv__", "__rfloordiv__", "__rmod__", "__rpow__"),
    "__rmatmul__",
}
"""Spellings whose second argument is the first operand."""

VIEWS = {"view", "reshape", "flatten", "unflatten", "view_as", "reshape_as"}
PERMUTES = {"permute", "transpose", "movedim", "t", "mT", "mH", "T", "H", "adjoint", "unsqueeze"}
CUTS = {"chunk", "split", "tensor_split", "split_with_sizes"}
REPEATS = {"repeat", "tile", "repeat_interleave"}
CASTS = {"to", "type", "type_as", "long", "int", "short", "float", "double", "half", "bfloat16"}
COPIES = {"contiguous", "clone", "detach"}
LAYOUTS = CASTS | COPIES | PERMUTES | VIEWS | {"squeeze", "expand", "expand_as", "__getitem__"}
"""What returns the entries of a tensor, or some of them, in another shape or as another dtype."""

MATMULS = {"matmul", "bmm", "mm", "mv", "dot"}
REDUCTIONS = {
    *("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "logsumexp", "prod", "norm"),
    *("std", "var", "any", "all", "median", "nansum", "nanmean"),
}
SOFTMAXES = {"softmax", "log_softmax", "softmin"}
POSITIONS = {"argmax", "argmin", "max", "min", "topk", "sort", "argsort"}
"""What returns where an entry is."""

SCATTERS = {"scatter", "scatter_add", "scatter_reduce"}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
ACTIVATIONS = {
    *("tanh", "sigmoid", "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "prelu", "softplus"),
    *("relu6", "hardtanh", "logsigmoid"),
}
POINTWISE = {
    *ACTIVATIONS,
    *COMPARISONS,
    *CASTS,
    *COPIES,
    *("add", "sub", "mul", "div", "pow", "remainder", "fmod", "maximum", "minimum", "where", "atan2"),
    *("addcmul", "addcdiv", "lerp", "xlogy", "hypot", "logaddexp", "logical_xor", "masked_fill"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or"),
    *("abs", "square", "neg", "exp", "log", "sqrt", "clamp", "relu", "dropout"),
}
LOSSES = {
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div"),
    *("binary_cross_entropy_with_logits", "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss"),
}
"""Losses that compare two tensors entry by entry."""

CLASS_LOSSES = {"cross_entropy", "nll_loss"}
"""Losses whose target lacks the axis of the classes, the second one."""

FEATURES = {
    *("c", "ch", "channel", "channels", "in_channels", "out_channels", "d", "dim", "d_model", "hidden"),
    *("embed", "feature", "features"),
}
"""Names of axes whose entries together describe one thing."""

ASKS = {
    *("shape", "dtype", "device", "ndim", "size", "dim", "__len__", "numel", "stride", "is_floating_point"),
    *("requires_grad", "grad", "grad_fn", "is_leaf", "layout", "data", "is_complex", "__repr__", "names"),
    *("is_contiguous", "element_size", "storage_offset", "is_cuda", "is_meta", "itemsize", "nbytes"),
}
"""What asks a tensor something and computes nothing."""


def canonical(name: str) -> str:
    """The one spelling of an operation: `add` for `__iadd__` and for `add_`.

    A reshape or a permutation in place keeps its `_`: afterwards its argument has other axes.
    """
    found = SAME.get(name)
    if found is not None or name.startswith("__"):
        return found or name
    plain = name.rstrip("_")
    return name if plain in VIEWS | PERMUTES | {"squeeze"} else SAME.get(plain, plain)


def spelling_of(function: Any) -> str:
    """The name that an operation was called by; of an attribute such as `x.mT`, its name."""
    name = getattr(function, "__name__", "")
    if name in ("__get__", "__set__"):
        return str(getattr(getattr(function, "__self__", None), "__name__", name))
    return str(name)
