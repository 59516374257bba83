"""Shapes beside the source of unannotated code: `python benchmarks/listings.py CLONES` fills the page.

CLONES is a folder with clones of nanoGPT and mamba2-minimal; x-transformers is installed. Counted are the
tensors in the listing of a model's call. One is named if each of its axes has a name, or is an expression of
names: a place (`x0`) and a number that nothing explains are none. The call is made again at other sizes: what
is shown must be the same text.

Predicted before the first run: 95 % of the tensors named, none shown otherwise at the second size.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pages import fill, table

from typed_einsum import shapes

HERE = Path(__file__).parent
RECORD = HERE / "listings.json"
PAGE = HERE.parent / "docs" / "shapes.md"

Sizes = tuple[int, int]
"""How many samples there are, and of how many tokens."""

SIZES: tuple[Sizes, Sizes] = ((3, 24), (5, 36))


def nano_gpt(clones: Path) -> Callable[[Sizes], tuple[Any, ...]]:
    """nanoGPT's model, with the calls that it is given."""
    module = _module(clones / "nanoGPT", "model")
    config = module.GPTConfig(block_size=64, vocab_size=97, n_layer=2, n_head=4, n_embd=40, dropout=0.0)
    model = module.GPT(config)
    return lambda size: (model, torch.randint(0, 97, size), torch.randint(0, 97, size))


def mamba2(clones: Path) -> Callable[[Sizes], tuple[Any, ...]]:
    """A layer of Mamba-2 with the state space duality in plain torch."""
    module = _module(clones / "mamba2-minimal", "mamba2")
    config = module.Mamba2Config(d_model=48, n_layer=1, d_state=20, headdim=8, chunk_size=6, vocab_size=96)
    layer = module.Mamba2(config)
    return lambda size: (layer, torch.randn(*size, 48))


def decoder(heads: int, width: int) -> Callable[[Sizes], tuple[Any, ...]]:
    """A decoder of x-transformers with rotary positions, and the width of a head."""
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(dim=heads * width, depth=2, heads=heads, attn_dim_head=width, rotary_pos_emb=True)
    model = TransformerWrapper(num_tokens=97, max_seq_len=64, attn_layers=layers)
    return lambda size: (model, torch.randint(0, 97, size))


PROGRAMS: dict[str, Callable[[Path], Callable[[Sizes], tuple[Any, ...]]]] = {
    "nanoGPT": nano_gpt,
    "Mamba-2, minimal": mamba2,
    "x-transformers": lambda clones: decoder(heads=3, width=20),
    "x-transformers, as many heads as channels that are not rotated": lambda clones: decoder(
        heads=4, width=10
    ),
}


def _module(folder: Path, name: str) -> Any:
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def tensors(listing: Any) -> Iterator[tuple[str, str]]:
    """Where each tensor of a listing is, and the shape that is shown."""
    for function in listing.functions:
        for line in function.lines:
            for note in line.notes:
                yield from ((f"{function.name}:{line.number} {name}", note.text) for name in note.names)


def is_named(text: str, places: set[str]) -> bool:
    """Whether every axis of a shape has a name, is an expression of names, or has one entry."""
    axes = re.split(r", ", text.strip("()"))
    return all(axis == "1" or not (axis.isdigit() or places & {*re.findall(r"\w+", axis)}) for axis in axes)


def measured(calls: Callable[[Sizes], tuple[Any, ...]]) -> dict[str, Any]:
    """How many tensors of a program are named, and how many are shown otherwise at the second sizes."""
    first, second = (shapes(*calls(size)) for size in SIZES)
    places = {axis.name for axis in first.axes if axis.source.startswith("its place")}
    shown, again = dict(tensors(first)), dict(tensors(second))
    unnamed = {where: text for where, text in shown.items() if text and not is_named(text, places)}
    changed = {where: (text, again.get(where)) for where, text in shown.items() if again.get(where) != text}
    return {"tensors": len(shown), "unnamed": unnamed, "changed": changed, "extent": first.extent}


def contents_of(record: Mapping[str, Any]) -> dict[str, str]:
    """What stands on the page."""
    rows = [
        (name, str(each["tensors"]), str(each["tensors"] - len(each["unnamed"])), str(len(each["changed"])))
        for name, each in record.items()
    ]
    header = ("program", "tensors", "named", "shown otherwise at other sizes")
    return {"table: listings": table(header, rows)}


def main() -> None:
    """Measure all programs, and fill the page."""
    clones = Path(sys.argv[1])
    record = {name: measured(program(clones)) for name, program in PROGRAMS.items()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, contents_of(record))


if __name__ == "__main__":
    main()
