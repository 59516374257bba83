"""The pages in docs/reference, one a public name, and docs/attention.md: `python docs/scripts/reference.py`.

All words are those of the docstrings, which `reading.py` takes apart; signatures are as the source has them.
`tests/test_reference.py` holds the pages to this script.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from derivations import TITLES, page_name
from reading import Docstring, doctest_block, read_docstring
from signatures import Parameter, class_node, function_node, parameters_of, text_of, written

from typed_einsum import attention, explain, testing
from typed_einsum.errors import CODES

DOCS = Path(__file__).parent.parent
FOLDER = DOCS / "reference"

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Einsums and named operations": (
        "typed_einsum",
        ("typed_einsum", "einsum", "softmax", "mean", "normalize", "rearrange", "repeat"),
    ),
    "Checks of functions": ("typed_einsum", ("shape_checked", "shaped", "scope", "checks_off", "errors")),
    "Derivations and shapes": ("typed_einsum", ("explain", "shapes")),
    "In tests": (
        "typed_einsum.testing",
        (
            *("check_contract", "assert_contract", "contract", "lint", "example_inputs"),
            *("strategies.inputs", "references", "Report", "Finding"),
        ),
    ),
    "Modules": (
        "typed_einsum.nn",
        (
            *("MaxSigmoidAttnBlock", "C2fAttn", "ImagePoolingAttn", "ContrastiveHead"),
            *("BNContrastiveHead", "Conv", "Bottleneck"),
        ),
    ),
}
"""The public names but those of `typed_einsum.attention`: for each group the module to import them from."""

FORMS = {
    "typed_einsum": """@typed_einsum
def name(first: Float[Tensor, "axes"], ...) -> Float[Tensor, "axes"]: ...

@typed_einsum(equation, sum="axes", max="axes")
def name(first: Float[Tensor, "axes"], ...) -> Float[Tensor, "axes"]: ...""",
    "shape_checked": """@shape_checked
def name(x: Float[Tensor, "axes"], ...) -> Float[Tensor, "axes"]:
    ...

@shape_checked
class Name:
    ...""",
    "checks_off": """with checks_off():
    ...

@checks_off()
def name(): ...""",
    "scope": """with scope():
    ...""",
    "contract": """@contract(
    *,
    independent="axes",
    ordered="axes",
    couples="axes",
    causal="axes",
    reference=function,
    like=function,
    sizes={"axis": 8},
)
def name(x: Float[Tensor, "axes"], ...) -> Float[Tensor, "axes"]:
    ...""",
}
"""How decorators and blocks are written; their signatures in Python say less."""

TAKES = {
    ("typed_einsum", "target"): "a function, or `str`",
    ("shape_checked", "function"): "a function or a class",
    ("shaped", "axes"): "`str`, or an annotation",
    ("explain", "target"): "`str`, or a typed einsum",
    ("explain", "sizes"): "`Mapping` or `str`",
    ("explain", "example"): "arrays, or `str`",
}
"""What a parameter takes, where its annotation in Python says less."""

MORE = {
    "typed_einsum": ("language.md", "howto/type-checkers.md", "speed.md"),
    "einsum": ("language.md", "howto/migrate.md", "maximum.md", "speed.md"),
    "softmax": ("language.md",),
    "rearrange": ("views.md",),
    "repeat": ("views.md",),
    "shape_checked": ("howto/adopt.md", "records-and-modules.md", "speed.md"),
    "explain": ("explorer.md", "howto/fences.md", "derivations/index.md"),
    "shapes": ("shapes.md", "run.md"),
    "errors": ("errors/index.md",),
    "check_contract": ("howto/tests-and-ci.md", "for-all-sizes.md", "field-guide.md"),
    "lint": ("field-guide.md", "shapes.md"),
    "MaxSigmoidAttnBlock": ("flagship.md", "speed.md"),
    "late_interaction": ("retrieval.md", "maximum.md"),
    "packed_late_interaction": ("retrieval.md",),
    "top_documents": ("retrieval.md",),
    "C2fAttn": ("flagship.md",),
}
"""Pages that tell more of a name."""

COUNTED = "The products of its einsums, which are counted above, what torch does between them, and at each \
call the checks of its arguments, which are [measured]({up}speed.md)."
"""What a function costs whose docstring says nothing of it, and which is made of einsums."""

CHECKED = "`ShapeError` (TE2xx), `DtypeError` (TE3xx) and `ArgumentError` (TE4xx), as each function under \
`shape_checked`."
"""What a function raises whose docstring says nothing of it."""

BORROWED = {"assert_contract": testing.check_contract}
"""Functions whose parameters are those of another, which says what they mean."""

SHARED = {
    "mask": "hides entries: True where one may be attended to, or numbers that are added to the scores",
    "mask_axes": "the axes of the mask, in any order",
}
"""What a parameter means in every function of `attention`."""


UNSEARCHED = """---
search:
  exclude: true # the derivations have its words
---"""
"""The head of a page that the search leaves out."""


def linked(text: str, up: str) -> str:
    """A text in which each code leads to its page."""
    headings = dict(re.findall(r"^## (TE\dxx)(: .+)$", (DOCS / "errors/index.md").read_text("utf-8"), re.M))
    slugs = {
        name: re.sub(r"[^\w -]", "", name + rest).lower().replace(" ", "-") for name, rest in headings.items()
    }

    def link(found: re.Match[str]) -> str:
        code = found[0]
        if code in slugs:
            return f"[{code}]({up}errors/index.md#{slugs[code]})"
        return f"[{code}]({up}errors/{code}.md)" if code in CODES else code

    return re.sub(r"TE\d(?:\d\d|xx)", link, text)


def table(parameters: list[Parameter], said: dict[str, str]) -> str:
    """The parameters, a row each; the last column only where something is said of them."""
    told = any(parameter.name in said for parameter in parameters)
    rows = [
        "| parameter | type | default |" + (" meaning |" if told else ""),
        "| --- | --- | --- |" + (" --- |" if told else ""),
    ]
    for each in parameters:
        meaning = f" {said.get(each.name, '')} |" if told else ""
        rows.append(f"| `{each.shown}` | {each.kind} | {each.default} |{meaning}")
    return "\n".join(rows)


def of_axes(parameters: list[Parameter]) -> dict[str, str]:
    """What parameters of `attention` mean: for tensors their axes, each where it is first met."""
    met: set[str] = set()
    meanings = dict(SHARED)
    for each in parameters:
        axes = re.findall(r"\w+", "".join(re.findall(r'"([^"]+)"', each.kind)))
        new = [name for name in dict.fromkeys(axes) if name in attention.AXES and name not in met]
        met.update(new)
        if new and "Tensor" in each.kind:
            meanings[each.name] = ", ".join(f"`{name}` {attention.AXES[name]}" for name in new)
    return meanings


def title_of(page: str) -> str:
    """The title of another page of the docs."""
    found = re.search(r"^# (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, page
    return found[1]


def sentence(text: str) -> str:
    """A text that begins with a capital letter, or with code."""
    return text[0].upper() + text[1:]


def sections(said: Docstring, up: str, usual: dict[str, str] | None = None) -> Iterator[str]:
    """What a call returns, raises and costs, and whom its formula is from; `usual` where nothing is said."""
    for label in ("Returns", "Raises", "Cost", "Source"):
        text = said.named.get(label) or (usual or {}).get(label)
        if text:
            yield f"## {label}\n\n{linked(sentence(text), up)}"


def prose(said: Docstring) -> list[str]:
    """The paragraphs below the summary, in their order; the labelled ones begin with their label."""
    return [
        f"**{label}.** {sentence(text) if label == 'Axes' else text}" if label else text
        for label, text in said.paragraphs
    ]


def function_page(home: str, name: str, function: Callable[..., Any]) -> str:
    """The page of a function."""
    up = "../" * (home.count(".") + 1)
    said = read_docstring(function)
    node = class_node(function) if isinstance(function, type) else function_node(function)
    parameters = [replace(each, kind=TAKES.get((name, each.name), each.kind)) for each in parameters_of(node)]
    of_attention = home == "typed_einsum.attention"
    meanings = {
        **(of_axes(parameters) if of_attention else {}),
        **read_docstring(BORROWED.get(name, function)).arguments,
    }
    short = name.split(".")[-1]
    parts = [UNSEARCHED] if of_attention else []
    parts += [
        f"# {short}",
        said.summary,
        doctest_block(with_imports(said.example) if of_attention else said.example),
    ]
    parts += ["## Written as {: data-search-exclude }", f"```pyi\n{FORMS.get(short) or written(node)}\n```"]
    if parameters:
        parts += ["## Parameters", table(parameters, meanings)]
    parts += ["## Meaning", *prose(said)] if said.paragraphs else []
    made_of = composed(function, up) if of_attention else []
    usual = {"Raises": CHECKED} if of_attention else {}
    usual |= {"Cost": COUNTED.format(up=up)} if made_of else {}
    parts += [*made_of, *sections(said, up, usual)]
    parts += more(short, up)
    return "\n\n".join(part for part in parts if part) + "\n"


def more(name: str, up: str) -> list[str]:
    """Links to the pages that tell more."""
    pages = MORE.get(name, ())
    return ["## More", "\n".join(f"- [{title_of(page)}]({up}{page})" for page in pages)] if pages else []


def with_imports(example: str) -> str:
    """An example from the module of its function, which there needs no import of it."""
    names = [name for name in attention.__all__ if re.search(rf"\b{name}\(", example)]
    line = f"    >>> from typed_einsum.attention import {', '.join(names)}\n"
    head, torch, rest = example.partition("    >>> import torch\n")
    return head + torch + line + rest if torch else example.replace("    >>> ", f"{line}    >>> ", 1)


def einsum_row(name: str, folder: str) -> str:
    """An einsum with a link to its derivation, and its equation."""
    equation = attention.equations()[name].equation
    return f"| [{name.split('.')[1]}]({folder}{page_name(name)}) | `{equation}` |"


def composed(function: Callable[..., Any], up: str) -> list[str]:
    """The einsums that a function of `attention` calls, each with its derivation."""
    code = inspect.unwrap(function).__code__
    module = vars(import_module(function.__module__))
    names = {id(value): name for name, value in attention.equations().items()}
    found = [names[id(module[called])] for called in code.co_names if id(module.get(called)) in names]
    rows = [f"{einsum_row(name, f'{up}derivations/')} {counted(name)} |" for name in found]
    head = ["| einsum | equation | counted |", "| --- | --- | --- |"]
    return ["## Made of", "\n".join([*head, *rows])] if rows else []


def counted(name: str) -> str:
    """What the plan of an einsum multiplies and adds, as a product of sizes."""
    work = explain(attention.equations()[name]).cost.work
    return ", ".join(f"`{' · '.join(each.labels)}` {each.operation}" for each in work)


def class_page(home: str, name: str, made: type) -> str:
    """The page of a class: how it is made, then its methods."""
    up = "../" * (home.count(".") + 1)
    said, node = read_docstring(made), class_node(made)
    parts = [
        f"# {name}",
        said.summary,
        doctest_block(said.example),
        "## Written as {: data-search-exclude }",
        f"```pyi\n{written(node)}\n```",
    ]
    parameters = parameters_of(node)
    if said.arguments:
        parts += ["## Parameters", table(parameters, said.arguments)]
    parts += ["## Meaning", *prose(said)] if said.paragraphs else []
    parts += sections(said, up)
    for method, value in vars(made).items():
        target = value.fget if isinstance(value, property) else value
        if method.startswith("_") or not inspect.isfunction(target) or not target.__doc__:
            continue
        of_method = read_docstring(target)
        node = function_node(target)
        shown = f"{method}: {text_of(node.returns)}" if isinstance(value, property) else written(node)
        parts += [f"## {method}", of_method.summary, f"```pyi\n{shown}\n```", *prose(of_method)]
        parts += [
            f"**{label}.** {linked(sentence(text), up)}"
            for label, text in of_method.named.items()
            if label != "Source"
        ]
    parts += more(name, up)
    return "\n\n".join(part for part in parts if part) + "\n"


def errors_page(module: ModuleType) -> str:
    """The page of the exceptions."""
    said = read_docstring(module)
    rows = ["| exception | also a | raised for |", "| --- | --- | --- |"]
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type):
            others = [base.__name__ for base in value.__mro__[1:] if base.__module__ == "builtins"]
            kept = [other for other in others if other not in {"Exception", "BaseException", "object"}]
            also = ", ".join(f"`{other}`" for other in kept) or "`Exception`"
            rows.append(f"| `{name}` | {also} | {linked(read_docstring(value).summary, '../')} |")
    rest = " ".join(text for _, text in read_docstring(module.TypedEinsumError).paragraphs)
    parts = [
        "# errors",
        said.summary,
        doctest_block(said.example),
        *prose(said),
        "## Exceptions",
        "\n".join(rows),
    ]
    codes = "`CODES` has the meaning of each code, by code."
    return "\n\n".join([*parts, f"`TypedEinsumError` has: {rest}", codes, *more("errors", "../")]) + "\n"


def references_page(module: ModuleType) -> str:
    """The page of the references: one section a function."""
    said = read_docstring(module)
    parts = ["# references", said.summary, *prose(said)]
    for name in module.__all__:
        function = getattr(module, name)
        of_it = read_docstring(function)
        parts += [f"## {name}", of_it.summary, f"```pyi\n{written(function_node(function))}\n```"]
        if of_it.arguments:
            parts.append(table(parameters_of(function_node(function)), of_it.arguments))
        parts += [*prose(of_it), *(f"**{label}.** {sentence(text)}" for label, text in of_it.named.items())]
    return "\n\n".join(parts) + "\n"


def found(module: str, name: str) -> Any:
    """A public name, which may be in a module below."""
    *inner, last = name.split(".")
    value = getattr(import_module(".".join([module, *inner])), last, None)
    return import_module(f"{module}.{name}") if value is None else value


def page(module: str, name: str) -> str:
    """The page of a public name."""
    match found(module, name):
        case ModuleType() as value:
            return (errors_page if name == "errors" else references_page)(value)
        case type() as value if name not in FORMS:
            return class_page(module, name, value)
        case value:
            return function_page(module, name, value)


def file_of(module: str, name: str) -> str:
    """The file of a public name, below docs/reference."""
    return "/".join([*module.split(".")[1:], name.split(".")[-1]]) + ".md"


def functions_of_attention() -> list[str]:
    """The functions of `attention` that are no single einsum."""
    single = set(map(id, attention.equations().values()))
    return [
        name
        for name in attention.__all__
        if callable(getattr(attention, name)) and id(getattr(attention, name)) not in single
    ]


def index() -> str:
    """The page that lists all public names."""
    parts = ["# Reference", "Everything a program may import, a page each. All other modules are private."]
    for title, (module, names) in GROUPS.items():
        rows = ["| name | what it is for |", "| --- | --- |"]
        rows += [
            f"| [{name}]({file_of(module, name)}) | {read_docstring(found(module, name)).summary} |"
            for name in names
        ]
        parts += [f"## {title}", f"`from {module} import …`", "\n".join(rows)]
    rest = "The einsums of `typed_einsum.attention` and the functions composed of them have"
    parts += ["## Attention", f"{rest} [a page of their own](../attention.md)."]
    return "\n\n".join(parts) + "\n"


ATTENTION = f"""{UNSEARCHED}

# Attention einsums

One typed einsum for each published equation, with its derivation, and functions composed of several. Each
cites its source. An axis name means the same in all of them:

<!-- prints -->
```python
from typed_einsum.attention import AXES

for name, meaning in sorted(AXES.items()):
    print(f"{{name:<8}}{{meaning}}")
```

```text
"""


def attention_page() -> str:
    """docs/attention.md: the axes, then each family with its functions and its einsums."""
    axes = "\n".join(f"{name:<8}{meaning}" for name, meaning in sorted(attention.AXES.items()))
    parts = [ATTENTION + axes + "\n```"]
    functions = {name: getattr(attention, name) for name in functions_of_attention()}
    for family, title in TITLES.items():
        module = f"typed_einsum.attention.{family}"
        parts += [f"## {title} {{: #{module} }}", str(inspect.getdoc(import_module(module))).splitlines()[0]]
        rows = [
            f"| [{name}](reference/attention/{name}.md) | {read_docstring(value).summary} |"
            for name, value in functions.items()
            if value.__module__ == module
        ]
        parts += ["\n".join(["| function | what it does |", "| --- | --- |", *rows])] if rows else []
        einsums = [
            f'| <span id="typed_einsum.attention.{name}"></span>{einsum_row(name, "derivations/")[2:]} '
            f"{read_docstring(function).summary} |"
            for name, function in attention.equations().items()
            if name.startswith(f"{family}.")
        ]
        parts.append("\n".join(["| einsum | equation | what it is |", "| --- | --- | --- |", *einsums]))
    return "\n\n".join(parts) + "\n"


def pages() -> Iterator[tuple[Path, str]]:
    """Every file, with its text."""
    yield FOLDER / "index.md", index()
    for module, names in GROUPS.values():
        for name in names:
            yield FOLDER / file_of(module, name), page(module, name)
    for name in functions_of_attention():
        yield FOLDER / "attention" / f"{name}.md", page("typed_einsum.attention", name)
    yield DOCS / "attention.md", attention_page()


def main() -> None:
    """Write all pages, and remove those of names that are gone."""
    written_pages = dict(pages())
    for file in FOLDER.rglob("*.md"):
        if file not in written_pages:
            file.unlink()
    for file, text in written_pages.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
