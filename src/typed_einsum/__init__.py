"""Typed einsum for PyTorch: shape annotations are the program, the check, the test and the docs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typed_einsum import errors
    from typed_einsum.checked import shape_checked, shaped
    from typed_einsum.contraction import einsum, typed_einsum
    from typed_einsum.derivation import explain
    from typed_einsum.operations import mean, normalize, rearrange, repeat, softmax
    from typed_einsum.scopes.block import scope
    from typed_einsum.switch import checks_off
    from typed_einsum.testing.listing.api import shapes

__all__ = [
    "checks_off",
    "einsum",
    "errors",
    "explain",
    "mean",
    "normalize",
    "rearrange",
    "repeat",
    "scope",
    "shape_checked",
    "shaped",
    "shapes",
    "softmax",
    "typed_einsum",
]
__version__ = "0.2.0"

_HOMES = {
    "checks_off": "typed_einsum.switch",
    "einsum": "typed_einsum.contraction",
    "explain": "typed_einsum.derivation",
    "mean": "typed_einsum.operations",
    "normalize": "typed_einsum.operations",
    "rearrange": "typed_einsum.operations",
    "repeat": "typed_einsum.operations",
    "scope": "typed_einsum.scopes.block",
    "shape_checked": "typed_einsum.checked",
    "shaped": "typed_einsum.checked",
    "shapes": "typed_einsum.testing.listing.api",
    "softmax": "typed_einsum.operations",
    "typed_einsum": "typed_einsum.contraction",
}


_MODULES = {"attention", "errors", "nn", "testing"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: parts of the package work where torch is not."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
