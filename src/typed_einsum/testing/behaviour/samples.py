"""TE709: samples of a batch that affect each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typed_einsum.testing.audit.findings import Severity
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import NoSuchAxis
from typed_einsum.testing.calls.call import Call

BATCH = ("b", "batch")
"""Names of an axis whose entries are taken to be independent samples."""


def leaks(call: Call, coupled: Sequence[str], random: bool) -> Iterator[tuple[str, Severity, str]]:
    """Samples that affect each other, unless their axis is coupled; and coupled axes where they do not."""
    for name in BATCH:
        try:
            found = perturbation.moved(call, name)
        except NoSuchAxis:
            if name not in coupled and not random and perturbation.depends_on_order(call, name):
                text = f"the order of the samples of `{name}` changes the result: something runs along "
                yield "TE709", "error", f'{text}`{name}`; if that is meant, say couples="{name}"'
            continue
        if name in coupled:
            if found is None and perturbation.alone(call, name, 1):
                yield "TE712", "error", f"`{name}` is said to couple, but no sample moves another"
            continue
        if perturbation.is_about_the_axis(call, name) or call.uses_batch_statistics():
            continue
        if found is not None:
            text = f"samples leak: changing sample {found[0]} of `{name}` changes the result of sample "
            text += f'{found[1]}; if that is meant, say couples="{name}"'
            yield "TE709", "error", text
        elif not random and not perturbation.alone(call, name, 1):
            text = f"sample 1 of `{name}`, passed alone, gives another result than in its batch: "
            yield "TE709", "error", text + "something depends on a sample's place in the batch"
        elif not random and not perturbation.moves_with_order(call, name):
            text = f"the results do not follow when the samples of `{name}` change places: their order "
            yield "TE709", "error", f'{text}matters; if that is meant, say couples="{name}"'
