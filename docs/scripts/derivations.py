"""The pages in docs/derivations, one an attention einsum: `python docs/scripts/derivations.py` writes them.

A page takes its words from the function's docstring; what it derives comes from the fence, when the site is
built. `tests/test_derivation_pages.py` holds the pages to this script.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pictures import fence
from reading import doctest_block

from typed_einsum import attention

FOLDER = Path(__file__).parent.parent / "derivations"
CONFIGURATION = Path(__file__).parents[2] / "mkdocs.yml"

SIZES = {
    "a": 48, "b": 2, "c": 32, "chunk": 13, "d": 40, "e": 384, "expert": 16, "f": 64, "g": 512, "h": 20,
    "i": 256, "i1": 9, "i2": 10, "i3": 12, "j": 63, "k": 196, "l": 128, "m": 8, "n": 80, "o": 320, "p": 27,
    "q": 144, "r": 4, "rank": 18, "rank1": 5, "rank2": 7, "reader": 6, "rot": 22, "s": 11, "t": 100, "u": 14,
    "v": 1000, "w": 24, "x": 25, "y": 21, "z": 15,
}  # fmt: skip
"""What the sizes are on the pages: like those in use, and all different."""

BATCH = "(2,3)"
"""The sizes of a variadic `*b`."""

WIDEST = 80
"""The longest line of code that a page shows without scrolling."""

TITLES = {
    "dot_product": "Scaled dot-product attention",
    "grouped": "Shared keys and values",
    "latent": "Latent keys and values",
    "kernels": "Linear attention",
    "positions": "Relative positions",
    "buckets": "Buckets of distances",
    "talking": "Talking heads",
    "alignment": "Alignment",
    "images": "Images",
    "retrieval": "Retrieval",
    "state_space": "State spaces",
    "experts": "Experts",
    "low_rank": "Low rank",
}
"""The families, in the order of the index."""


NO_CONTENTS = """---
hide:
  - toc
---

"""

INTRODUCTION = f"""{NO_CONTENTS}# Derivations

Every typed einsum of `typed_einsum.attention`, as formula and picture, as numbers that you can step through,
then as loops, dot products and matrices, with cost and gradients. The names of axes mean the same on all
pages; the [attention page](../attention.md) lists them, and what is composed of these einsums.

The block that began it all has a page of its own: [MaxSigmoidAttnBlock](../flagship.md), and so has the
einsum of the tutorial, [with its numbers](tutorial-scores.md). The [explorer](../explorer.md) derives any
equation of yours."""

BEGIN, END = "      # families, by docs/scripts/derivations.py", "      # end of families"
"""The lines of mkdocs.yml between which the families stand."""


def page_name(name: str) -> str:
    """The file of an einsum, by its family and name."""
    return f"{name.replace('.', '-').replace('_', '-')}.md"


def docstring(function: Callable[..., Any]) -> dict[str, str]:
    """The summary and the named paragraphs of a docstring, each on one line."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    texts = [" ".join(paragraph.split()) for paragraph in paragraphs]
    named = [text.split(": ", 1) for text in texts[1:] if re.match(r"\w+: ", text)]
    return {"Summary": texts[0], **dict(named)}


def written_signature(function: Callable[..., Any]) -> str:
    """The decorated function as its source has it, without the docstring."""
    module = import_module(function.__module__)
    source = inspect.getsource(module)
    (found,) = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__
    )
    lines = source.splitlines()[found.decorator_list[0].lineno - 1 : found.body[0].lineno - 1]
    written = textwrap.dedent("\n".join(lines)) + " ..."
    if max(map(len, written.splitlines())) <= WIDEST:
        return written
    arguments = "".join(f"    {ast.unparse(argument)},\n" for argument in found.args.args)
    decorator, returns = (
        ast.unparse(found.decorator_list[0]),
        ast.unparse(found.returns or ast.Constant(None)),
    )
    return f"@{decorator}\ndef {found.name}(\n{arguments}) -> {returns}: ...".replace("'", '"')


def sizes_of(equation: str) -> str:
    """The sizes of an equation's axes as a fence takes them."""
    names = dict.fromkeys(re.findall(r"\*?\w+", equation))
    return ", ".join(f"{name}={BATCH if name.startswith('*') else SIZES[name]}" for name in names)


def axes_said(equation: str) -> str:
    """What each axis is."""
    said = []
    for name in dict.fromkeys(re.findall(r"\*?\w+", equation)):
        letter = name.removeprefix("*")
        many = ", any number of axes" if letter != name else ""
        said.append(f"`{name}` {attention.AXES[letter]}{many}")
    return " · ".join(said)


def page(name: str, function: Callable[..., Any]) -> str:
    """The page of one einsum."""
    family, short = name.split(".")
    said = docstring(function)
    equation = function.equation
    return f"""{NO_CONTENTS}# {title_of(name)}

{said["Summary"]}
{{: .lead }}

{axes_said(equation)}
{{: .where }}

```einsum
typed_einsum.attention.{family}:{short}
sizes: {sizes_of(equation)}
level: 2
```

## In code

`typed_einsum.attention.{family}.{short}` is a typed einsum of this signature, one of those on the
[attention page](../attention.md):

```python
{imports_of(written_signature(function))}


{written_signature(function)}
```

{doctest_block(inspect.getdoc(function) or "")}

## Source

{said["Equation"].removesuffix(".")}

{said["Source"]}
"""


def tutorial_page() -> str:
    """The einsum of the tutorial, with the tutorial's numbers."""
    return f"""{NO_CONTENTS}# Scores of the tutorial

The dot product of each pixel with each text, head by head, with the numbers of the
[tutorial](../tutorial.md).
{{: .lead }}

{axes_said("b m c h w n")}
{{: .where }}

```einsum
{fence()}
sizes: b=1, m=2, c=4, h=5, w=5, n=3
level: 2
```

The example begins with what the tutorial computes by hand,
`torch.sum(a[0, :, :, 0, 0] * b[0, 0, :, :], 1)`: its first number is `r[0,0,0,0,0]`, its second
`r[0,1,0,0,0]`. What is done with the scores is on the page of [MaxSigmoidAttnBlock](../flagship.md).
"""


def title_of(name: str) -> str:
    """The title of the page of an einsum."""
    return name.split(".")[1].replace("_", " ").capitalize()


def imports_of(signature: str) -> str:
    """What the signature needs."""
    dtypes = sorted(set(re.findall(r"(\w+)\[Tensor", signature)))
    lines = [f"from jaxtyping import {', '.join(dtypes)}", "from torch import Tensor"]
    return "\n".join([*lines, "from typed_einsum import typed_einsum"])


def index() -> str:
    """The index: a card for each einsum, by family."""
    parts = [INTRODUCTION]
    for family, title in TITLES.items():
        cards = [card(name, function) for name, function in family_of(family)]
        heading = f"## {title} {{: #{family.replace('_', '-')} }}"
        parts.append(f'{heading}\n\n<div class="cards" markdown>\n' + "\n".join(cards) + "</div>")
    return "\n\n".join(parts) + "\n"


def card(name: str, function: Callable[..., Any]) -> str:
    """One einsum in the index: its name, its picture, and what it is."""
    family, short = name.split(".")
    return f"""<div class="card" markdown>

[{title_of(name)}]({page_name(name)})

{docstring(function)["Summary"]}

```einsum
typed_einsum.attention.{family}:{short}
steps: thumbnail
```

</div>
"""


def family_of(family: str) -> list[tuple[str, Callable[..., Any]]]:
    """The einsums of one family."""
    return [each for each in attention.equations().items() if each[0].startswith(f"{family}.")]


def navigation() -> str:
    """The families as mkdocs.yml lists them, which gives each page its sidebar and its neighbours."""
    lines = [BEGIN]
    for family, title in TITLES.items():
        lines.append(f"      - {title}:")
        for name, _ in family_of(family):
            lines.append(f"          - {title_of(name)}: derivations/{page_name(name)}")
    return "\n".join([*lines, END])


def configured(text: str) -> str:
    """The configuration with the families of now."""
    before, rest = text.split(BEGIN, 1)
    return before + navigation() + rest.split(END, 1)[1]


def without_families(text: str) -> str:
    """The configuration without the pages of single einsums."""
    return re.sub(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", "", text, flags=re.DOTALL)


def pages() -> Iterator[tuple[str, str]]:
    """Every file of the folder, with its text."""
    yield "index.md", index()
    yield "tutorial-scores.md", tutorial_page()
    for name, function in attention.equations().items():
        yield page_name(name), page(name, function)


def main() -> None:
    """Write all pages, and remove those of einsums that are gone."""
    FOLDER.mkdir(exist_ok=True)
    written = dict(pages())
    for file in FOLDER.glob("*.md"):
        if file.name not in written:
            file.unlink()
    for file_name, text in written.items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
    CONFIGURATION.write_text(configured(CONFIGURATION.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
