"""The sizes that methods of a class have needed so far: where the search begins for the next one."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from torch import nn

from typed_einsum.testing.axes.trace import Trace
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.variation import movable

_widths: WeakKeyDictionary[type, dict[str, int]] = WeakKeyDictionary()


def widths_for(call: Call) -> dict[str, int]:
    """Sizes of axes that calls on objects of the same class needed, as far as this one may have them.

    The width that one method needs is likely what the next one needs, and the same one with fewer arguments.
    No two axes begin with one size: whether the code forces them to is to be seen.
    """
    known = {name: size for name, size in _known_of(call).items() if name in movable(call)}
    taken = {size for name, size in call.sizes.items() if name not in known}
    found: dict[str, int] = {}
    for name, size in known.items():
        if size not in taken:
            found[name] = size
            taken.add(size)
    return found


def learn(call: Call, ran: Trace | None) -> None:
    """Keep the sizes that were found for a call, where it came as far as other things matter: those of axes
    that had to be changed for what the code needs."""
    if ran is None:
        return
    needed = {symbol for each in ran.needs if each.is_equality for symbol in each.symbols}
    names = {ran.names[symbol] for symbol in needed if symbol in ran.names} & movable(call)
    found = {name: size for name, size in ran.call.sizes.items() if name in names}
    _known_of(call).update({name: size for name, size in found.items() if size != call.sizes.get(name)})


def _known_of(call: Call) -> dict[str, int]:
    """What is known of the class of a call's object: it was built for the call, as the others are."""
    is_built = call.maker is not None and isinstance(call.object, nn.Module)
    return _widths.setdefault(type(call.object), {}) if is_built else {}
