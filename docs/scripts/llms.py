"""docs/llms.txt, the site for language models: `python docs/scripts/llms.py` writes it from the navigation.

Each page with its address and its first sentences; each attention einsum with its equation as text, which
formulas lose where a page is flattened. `tests/test_llms.py` holds the file to this script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from derivations import page_name, without_families

from typed_einsum.attention import equations
from typed_einsum.cli.pages import SITE
from typed_einsum.derivation import explain
from typed_einsum.errors import CODES

DOCS = Path(__file__).parent.parent
NAVIGATION = re.compile(r"^nav:\n(?P<rows>(?:[ ].*\n)+)", re.MULTILINE)
NO_PROSE = re.compile(
    r"\A---\n.*?^---$|^(?P<fence>`{3,}).*?^(?P=fence)$|<!--.*?-->|<[^>]+>|^(?:#|\||--8<--|:::)[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
SHORTEST = 20
"""Letters of a paragraph that says something; links to other languages are shorter."""
ROW = re.compile(r"^(?P<indent> +)- (?P<title>[^:]+):(?: (?P<page>\S+\.md))?$")

INTRODUCTION = """# typed-einsum

> Typed einsum for PyTorch: a jaxtyping signature such as
> `def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...`
> under `@typed_einsum` is the einsum. It is checked when it is defined and at each call, and then runs.

Axis names are separated by spaces. An axis that an operand has and the result lacks is summed, if another
operand has it too; else `sum=` names it. `max=` names an axis whose maximum is taken. Nothing broadcasts
silently: `#b` allows it.
"""


def address(page: str) -> str:
    """Where a page of the docs is read."""
    return (
        SITE + page.removesuffix(".md").removesuffix("index").rstrip("/") + "/"
        if page != "index.md"
        else SITE
    )


def first_sentences(page: str) -> str:
    """The first paragraph of a page, without its markup."""
    text = NO_PROSE.sub("", (DOCS / page).read_text(encoding="utf-8"))
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text).replace("**", "")
    text = re.sub(r"\n\{: \.\w+ \}", "", text)
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return next((part for part in paragraphs if len(part) >= SHORTEST), "")


def pages() -> Iterator[str]:
    """The navigation: a heading for each section, a row for each page."""
    configuration = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    found = NAVIGATION.search(without_families(configuration))  # `einsums` has a row for each of their pages
    assert found is not None
    for line in found["rows"].splitlines():
        row = ROW.match(line)
        assert row is not None, line
        if row["page"] is None:
            yield f"\n## {row['title']}\n"
        else:
            said = first_sentences(row["page"])
            yield f"- [{row['title']}]({address(row['page'])})" + (f": {said}" if said else "")


def einsums() -> Iterator[str]:
    """Each attention einsum with its equation and its formula in LaTeX."""
    for name, function in equations().items():
        page = f"derivations/{page_name(name)}"
        latex = explain(function).to_latex().splitlines()
        formula = next(line for line in latex if "=" in line).replace("&", "").removesuffix("\\\\").strip()
        yield f"- [{name}]({address(page)}): `{function.equation}`, $ {formula} $"


def text() -> str:
    """The whole file."""
    codes = [f"- [{code}]({address(f'errors/{code}.md')}): {meaning}" for code, meaning in CODES.items()]
    parts = [
        INTRODUCTION,
        *pages(),
        "\n## Attention einsums\n",
        *einsums(),
        "\n## Codes of messages\n",
        *codes,
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the file."""
    (DOCS / "llms.txt").write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
