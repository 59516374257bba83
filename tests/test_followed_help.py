"""Help, taken at its word: a call that a message refuses, and the same call as the message's help says.

Proposed equations and reorderings are followed in the tests of messages, and proposed views in those of
view repairs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import torch
from jaxtyping import Int32, Int64
from support.help_kinds import read_kinds
from support.written_messages import cases, raised
from torch import Tensor, nn

import typed_einsum
from typed_einsum import attention, errors
from typed_einsum import nn as family
from typed_einsum.markdown import derived
from typed_einsum.static.reading import survey
from typed_einsum.testing import check_contract, example_inputs

NAMES: dict[str, Any] = {
    **vars(jaxtyping),
    **{name: getattr(typed_einsum, name) for name in typed_einsum.__all__},
    **{name: getattr(family, name) for name in family.__all__},
    "Tensor": Tensor,
    "attention": attention,
    "check_contract": check_contract,
    "derived": derived,
    "example_inputs": example_inputs,
    "nn": nn,
    "ones": torch.ones,
    "torch": torch,
    "__name__": "model",
}

HEADS = """
@shape_checked
def split(query: Float[Tensor, "b h t d"], x: Float[Tensor, "b t c"], heads: int) -> Float[Tensor, "b h t d"]:
    return rearrange(x, "b t (h d) -> b h t d", h=heads)

split(ones(2, 4, 3, 5), ones(2, 3, 20), 5)
"""
POOLED = """
@shape_checked
def pooled(x: Float[Tensor, "b t c"], weight: Float[Tensor, "b t"]) -> Float[Tensor, "b c"]:
    return (x * weight[:, :, None]).sum(1)

pooled(ones(2, 3, 5), ones(1, 3))
"""

MASKED = """
@typed_einsum(max="n", where="keep")
def best(keep: Bool[Tensor, "n"], y: Float[Tensor, "b c"], x: Float[Tensor, "n c"]) -> Float[Tensor, "b"]: ...
best(ones(4) > 0, ones(2, 3), ones(4, 3))
"""

# A source, the words of the help that are followed, and what they replace by what.
FOLLOWED: dict[str, tuple[str, str, str, str]] = {
    "the sum is named": (
        'einsum("b q d, b k v -> b q d", ones(2, 3, 5), ones(2, 4, 7), sum="v")',
        'write sum="k"',
        'sum="v"',
        'sum="v k"',
    ),
    "an output that is near": (
        'einsum("batch keys, batch -> key", ones(2, 3), ones(2))',
        "did you mean `keys`?",
        "-> key",
        "-> keys",
    ),
    "an axis of size 1 is expanded": (
        POOLED,
        "pass weight.expand(2, -1)",
        "ones(1, 3)",
        "ones(1, 3).expand(2, -1)",
    ),
    "an axis of size 1 is marked": (
        POOLED,
        "or mark the axis `#b`",
        'weight: Float[Tensor, "b t"]',
        'weight: Float[Tensor, "#b t"]',
    ),
    "ellipses of two ranks": (
        'einsum("...ij,...jk->...ik", ones(3, 4, 5), ones(5, 6))',
        "write `*#batch` for both `...`, and `*batch` in the output, with spaces between axes",
        "...ij,...jk->...ik",
        "*#batch i j, *#batch j k -> *batch i k",
    ),
    "an ellipsis with a sign": (
        'einsum("... i j, #... j k -> ... i k", ones(3, 4, 5), ones(5, 6))',
        "write `*#batch` in the operands, and `*batch` in the output",
        "... i j, #... j k -> ... i k",
        "*#batch i j, *#batch j k -> *batch i k",
    ),
    "operands in a list": (
        'einsum("bij,jk->bik", [ones(2, 3, 4), ones(4, 5)])',
        "a star before the list",
        "[ones",
        "*[ones",
    ),
    "a bare size": ('einsum("b 3 -> b", ones(2, 3))', "name it, as in `xyz=3`", "b 3 ->", "b xyz=3 ->"),
    "a bare size without an arrow": (
        'einsum("1", ones(1))',
        "name it, as in `xyz=1`",
        '"1"',
        '"xyz=1 -> xyz"',
    ),
    "words in one operand alone": (
        'einsum("time, freq -> time", ones(3), ones(5))',
        'write sum="freq"',
        "ones(5))",
        'ones(5), sum="freq")',
    ),
    "another dtype": (
        'einsum("b d, b d -> b", ones(2, 3), ones(2, 3).double())',
        "convert operand 2 with tensor.to(torch.float32)",
        "double()",
        "double().to(torch.float32)",
    ),
    "a mask that is longer than the scores": (
        'softmax(ones(2, 3, 4), "b q k", over="k", mask=(ones(2, 6) > 0), mask_axes="b k")',
        "mask[:, :4]",
        "(ones(2, 6) > 0)",
        "(ones(2, 6) > 0)[:, :4]",
    ),
    "a mask of some axes": (
        'softmax(ones(2, 3, 4), "b q k", over="k", mask=(ones(3, 4) > 0))',
        'mask_axes="q k"',
        "> 0))",
        '> 0), mask_axes="q k")',
    ),
    "an integer mask": (
        'softmax(ones(2, 3), "b k", over="k", mask=ones(2, 3).long())',
        "mask.bool()",
        "long()",
        "long().bool()",
    ),
    "a reduced axis that is named": (
        'mean(ones(2, 3), "b n", over="m")',
        "name one of `b`, `n`",
        'over="m"',
        'over="n"',
    ),
    "a size that is known": (HEADS, "drop `h=5`", ", h=heads", ""),
    "a size that nothing says": (
        'rearrange(ones(2, 3, 20), "b t (h d) -> b h t d")',
        "pass h=…",
        'd")',
        'd", h=4)',
    ),
    "a size that divides": (
        'rearrange(ones(2, 20), "b (h d) -> b h d", h=6)',
        "pass a multiple of 6",
        "20)",
        "24)",
    ),
    "a size that the tensor has": ('rearrange(ones(2, 3), "b t -> t b", t=4)', "drop `t=4`", ", t=4", ""),
    "a negative size": ('rearrange(ones(2, 20), "b (h d) -> b h d", h=4, d=-1)', "drop `d=-1`", ", d=-1", ""),
    "a new axis": ('repeat(ones(2, 3), "b g -> b (g r)")', "pass its size: r=…", 'r)")', 'r)", r=2)'),
    "an axis that a pattern lacks": ('rearrange(ones(2, 3), "b t -> t b", m=4)', "drop `m=`", ", m=4", ""),
    "a product in a pattern": (
        'rearrange(ones(2, 20), "b h*d -> b h d", h=4)',
        "in parentheses, such as `(h w)`",
        "b h*d",
        "b (h d)",
    ),
    "a new axis of rearrange": (
        'rearrange(ones(2, 3), "b t -> b t n=4")',
        "add one with `repeat`",
        "rearrange(",
        "repeat(",
    ),
    "a dtype that is annotated too narrow": (
        '@shape_checked\ndef rows(x: Int[Tensor, "a"]) -> None: ...\nrows(ones(2))',
        "pass x.long()",
        "ones(2)",
        "ones(2).long()",
    ),
    "a size that an argument is": (
        '@shape_checked\ndef cut(n: int, x: Float[Tensor, "n*2"]) -> Float[Tensor, "n"]:\n    return x[:4]\n'
        "cut(3, ones(6))",
        "the argument `n` is the size of this axis: return 3 there",
        "x[:4]",
        "x[:3]",
    ),
    "buckets that are too few": (
        "attention.distance_buckets(2, 6, count=2, farthest=16)",
        "pass a `count` of 4 or more",
        "count=2",
        "count=4",
    ),
    "more documents than there are": (
        "attention.top_documents(ones(2, 4, 6), ones(5, 3, 6), 7)",
        "pass top=5",
        "7)",
        "5)",
    ),
    "offsets that do not begin at 0": (
        "lengths = torch.tensor([4, 5])\n"
        "attention.packed_late_interaction(ones(1, 5, 6), ones(9, 6), lengths.cumsum(0))",
        "lengths.cumsum(0) - lengths",
        "lengths.cumsum(0)",
        "lengths.cumsum(0) - lengths",
    ),
    "a chunk that does not divide": (
        "a, b = ones(2, 8, 3), ones(2, 8, 3, 4)\nattention.chunked_scan(ones(2, 8, 3, 5), -a, b, b, 3)",
        "`chunk` can be one of 1, 2, 4, 8",
        "b, b, 3",
        "b, b, 4",
    ),
    "a mask without axes": (
        'einsum("b c, n c -> b", ones(2, 3), ones(4, 3), max="n", where=ones(4) > 0)',
        'where={"n k": mask}',
        "where=ones(4) > 0",
        'where={"n": ones(4) > 0}',
    ),
    "a mask without a maximum": (
        'einsum("b c, n c -> b n", ones(2, 3), ones(4, 3), where={"n": ones(4) > 0})',
        'such as max="n"',
        '-> b n", ones(2, 3), ones(4, 3)',
        '-> b", ones(2, 3), ones(4, 3), max="n"',
    ),
    "a mask of another axis": (
        'einsum("b c, n c -> b", ones(2, 3), ones(4, 3), max="n", where={"j": ones(4) > 0})',
        "axes of the output and of the maximum",
        '"j"',
        '"n"',
    ),
    "dtypes that never agree": (
        '@typed_einsum\ndef f(x: Float[Tensor, "a c"], y: Int[Tensor, "c"]) -> Float[Tensor, "a"]: ...\n'
        "f(ones(2, 3), ones(3).long())",
        "annotate one, and pass y.to(x.dtype)",
        'y: Int[Tensor, "c"]) -> Float[Tensor, "a"]: ...\nf(ones(2, 3), ones(3).long())',
        'y: Float[Tensor, "c"]) -> Float[Tensor, "a"]: ...\n'
        "x, y = ones(2, 3), ones(3).long()\nf(x, y.to(x.dtype))",
    ),
    "a size of many digits": ('explain("b q -> q b", "b=" + "9" * 50)', "write b=2", '"9" * 50', '"2"'),
    "sizes that are no mapping": (
        'explain("b q -> q b", 3)',
        'write sizes={"b": 2',
        "3)",
        '{"b": 2, "q": 3})',
    ),
    "a size that is no number": ('explain("b q -> q b", {"b": 2.5})', 'sizes={"b": 2}', "2.5", "2"),
    "sizes of any number of axes": (
        'explain("*b q -> q *b", {"*b": (2.5,)})',
        'write sizes={"*b": (2, 3)}',
        "(2.5,)",
        "(2, 3)",
    ),
    "a size that is fixed": (
        'explain("b rgb=3 -> rgb b", {"rgb": 4})',
        "leave `rgb` out of the sizes",
        '{"rgb": 4}',
        "{}",
    ),
    "a picture of another form": (
        'explain("b q -> q b").to_svg("circles")',
        "the forms are wires",
        "circles",
        "network",
    ),
    "a function that is nowhere": (
        'derived("typed_einsum.attention.kernels:zzzzzz")',
        "write module:function",
        "zzzzzz",
        "recalled",
    ),
    "one set of texts for all images": (
        "w = ones(1, 4, 18)\nContrastiveHead()(ones(2, 18, 3, 5), w)",
        "pass vocabulary=w[0]",
        "5), w)",
        "5), vocabulary=w[0])",
    ),
    "no texts": (
        "w = ones(2, 4, 18)\nContrastiveHead()(ones(2, 18, 3, 5))",
        "pass `w`, texts for each image",
        "5))",
        "5), w)",
    ),
    "two sets of texts": (
        "w = ones(2, 4, 18)\nContrastiveHead()(ones(2, 18, 3, 5), w, vocabulary=w[0])",
        "pass one of them: `w`",
        ", vocabulary=w[0]",
        "",
    ),
    "a level too few": (
        "ImagePoolingAttn(ec=32, ch=(12, 20), ct=18, nh=4)([ones(2, 12, 6, 9)], ones(2, 5, 18))",
        "one image for each level, in the order of `ch`",
        "[ones(2, 12, 6, 9)]",
        "[ones(2, 12, 6, 9), ones(2, 20, 3, 5)]",
    ),
    "texts with an axis too many": (
        "guide = ones(2, 3, 4, 7)\nMaxSigmoidAttnBlock(16, 16, nh=2, ec=16, gc=7)(ones(2, 16, 5, 6), guide)",
        "pass guide.flatten(1, -2)",
        ", guide)",
        ", guide.flatten(1, -2))",
    ),
    "a block without texts": (
        "MaxSigmoidAttnBlock(16, 16, nh=2, ec=16, gc=7)(ones(2, 16, 5, 6))",
        "pass `guide`, or `vocabulary`",
        "5, 6))",
        "5, 6), vocabulary=ones(3, 7))",
    ),
    "a mask beside a vocabulary": (
        "MaxSigmoidAttnBlock(16, 16, nh=2, ec=16, gc=7)(\n"
        "    ones(2, 16, 5, 6), vocabulary=ones(3, 7), mask=ones(2, 3) > 0\n)",
        "a vocabulary needs no mask",
        ", mask=ones(2, 3) > 0",
        "",
    ),
    "a block with two sets of texts": (
        "MaxSigmoidAttnBlock(16, 16, nh=2, ec=16, gc=7)(\n"
        "    ones(2, 16, 5, 6), ones(2, 3, 7), vocabulary=ones(3, 7)\n)",
        "pass one of them: `guide`",
        ", vocabulary=ones(3, 7)",
        "",
    ),
    "a count below 1": ("Conv(0, 3)", "pass a positive integer as `c1`", "0,", "4,"),
    "a mask of floats of another width": (
        'softmax(ones(2, 3), "b k", over="k", mask=ones(2, 3).double())',
        "pass mask.to(torch.float32)",
        "double()",
        "double().to(torch.float32)",
    ),
    "an axis by its number": ('softmax(ones(2, 3), "b k", over=1)', 'over="c"', "over=1", 'over="k"'),
    "a softmax of complex numbers": (
        'softmax(ones(2, 3) * 1j, "b k", over="k")',
        "the absolute value",
        "* 1j",
        "",
    ),
    "a softmax of integers": (
        'softmax(ones(2, 3).long(), "b k", over="k")',
        "pass value.float()",
        "long()",
        "long().float()",
    ),
    "masks that are no text": (
        MASKED.replace('"keep"', '["keep"]'),
        'name the parameters that are masks in a text: where="keep"',
        '["keep"]',
        '"keep"',
    ),
    "a mask of a typed einsum that is not boolean": (
        MASKED.replace("Bool", "Float").replace("ones(4) > 0", "ones(4)"),
        'annotate it Bool[Tensor, "n"], and pass keep > 0',
        'Float[Tensor, "n"], y: Float[Tensor, "b c"], x: Float[Tensor, "n c"]) -> Float[Tensor, "b"]: ...\n'
        "best(ones(4)",
        'Bool[Tensor, "n"], y: Float[Tensor, "b c"], x: Float[Tensor, "n c"]) -> Float[Tensor, "b"]: ...\n'
        "best(ones(4) > 0",
    ),
    "a mask that is no parameter": (
        MASKED.replace('"keep"', '"kept"'),
        "it has `keep`, `y`, `x`",
        '"kept"',
        '"keep"',
    ),
    "a tensor of another class": (
        '@shape_checked\ndef f(x: Float[Tensor, "b"]) -> None:\n    shaped(x, Float[nn.Parameter, "b"])\n'
        "f(ones(2))",
        "pass what the text asks for",
        "shaped(x,",
        "shaped(nn.Parameter(x),",
    ),
    "names that are no text": (
        'def f(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]: return x - x.mean(0)\n'
        "check_contract(f, couples=1)",
        'write them as couples="b h"',
        "couples=1",
        'couples="b"',
    ),
    "a size of an axis that no annotation has": (
        'def f(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]: return 2 * x\n'
        "check_contract(f, sizes={'d': 5})",
        "give sizes for these axes only",
        "'d'",
        "'c'",
    ),
}


# Kinds that no change of a call follows, each with its reason.
NOT_FOLLOWED = {
    "give it a line of its own below the equation: {}: {}": "test_markdown.py has the fence as it should be",
    ", with typed_einsum.einsum": "stands behind other help, which is followed",
}

# Sources that `check --static` refuses, as in FOLLOWED.
READ = {
    "a group in an annotation": (
        'def f(x: Float[Tensor, "b (h d)"]): ...',
        "merged axes are a product",
        "(h d)",
        "h*d",
    ),
    "no arrow in words": (
        'einops.einsum(x, y, "b i, b j")',
        "say which output you mean",
        "b j",
        "b j -> b i j",
    ),
    "no arrow in letters": ('torch.einsum("kj,ji", x, y)', 'mean: "kj,ji->ki"', "kj,ji", "kj,ji->ki"),
    "a product with a sum": (
        'torch.einsum("oi,j->o", x, y)',
        "sum that operand before the product",
        '"oi,j->o", x, y',
        '"o,->o", x.sum(1), y.sum(0)',
    ),
    "a diagonal": ('torch.einsum("iij,jk->ik", x, y)', "use two letters", "iij,jk->ik", "iaj,jk->iak"),
    "a new axis without a size": (
        'einops.repeat(x, "b t -> b t n")',
        "pass its length: n=…",
        'n")',
        'n", n=3)',
    ),
    "signs in a pattern": (
        'einops.rearrange(x, "b t-1 -> t-1 b")',
        "separate axes with spaces",
        "b t-1 -> t-1 b",
        "b t -> t b",
    ),
    "commas in an annotation": (
        'def f(x: Float[Tensor, "b, c"]): ...',
        "drop the comma",
        "b, c",
        "b c",
    ),
    "a broken expression": (
        'def f(x: Float[Tensor, "b 2*("]): ...',
        "spaces separate axes: `b c h w`",
        "2*(",
        "2*c",
    ),
    "two variadic axes": (
        'def f(x: Float[Tensor, "b *c ..."]): ...',
        "keep one variadic axis",
        "*c ...",
        "*c",
    ),
}
IMPORTS = "import einops\nimport torch\nfrom jaxtyping import Float\nfrom torch import Tensor\n"

WHOLE_TEXTS = {
    **cases("call_messages.txt"),
    **cases("definition_messages.txt"),
    **{f"fence: {name}": case for name, case in cases("fence_messages.txt").items()},
}

EDIT = re.compile(r"^- ?(?P<old>.*)\n(?P<new>(?:\+.*\n)+)", re.MULTILINE)


def edits() -> dict[str, list[tuple[str, str]]]:
    """Of each case in followed_help.txt, what is replaced by what."""
    parts = (Path(__file__).parent / "followed_help.txt").read_text(encoding="utf-8").split("\n=== ")[1:]
    found: dict[str, list[tuple[str, str]]] = {}
    for part in parts:
        name, _, written = f"{part}\n".partition("\n")
        assert name not in found, name
        found[name] = [
            (edit["old"], re.sub(r"^\+ ?", "", edit["new"], flags=re.MULTILINE)[:-1])
            for edit in EDIT.finditer(written)
        ]
        assert EDIT.sub("", written).strip() == "", f"{name}: expected lines with - and +"
    return found


EDITS = edits()


def edited(source: str, replaced: Sequence[tuple[str, str]]) -> str:
    for old, new in replaced:
        assert old in source
        source = source.replace(old, new) if old else new
    return source


def run(source: str) -> None:
    exec(compile(source, "followed.py", "exec", dont_inherit=True), dict(NAMES))


@pytest.mark.parametrize("name", FOLLOWED)
def test_help_that_is_followed_is_accepted(name: str) -> None:
    source, said, old, new = FOLLOWED[name]
    told = raised(source, NAMES).diagnostic.help
    assert told is not None
    assert said in told
    run(edited(source, [(old, new)]))


@pytest.mark.parametrize("name", EDITS)
def test_help_of_a_whole_text_that_is_followed_is_accepted(name: str) -> None:
    source, _ = WHOLE_TEXTS[name]
    assert EDITS[name]
    if name.startswith("fence: "):
        assert derived(edited(source, EDITS[name]))
    else:
        run(edited(source, EDITS[name]))


@pytest.mark.parametrize("name", READ)
def test_help_of_a_source_that_is_followed_is_accepted(name: str) -> None:
    source, said, old, new = READ[name]
    (found,) = survey("model.py", IMPORTS + source).found
    assert said in str(found.diagnostic.help)
    assert survey("model.py", IMPORTS + edited(source, [(old, new)])).found == ()


def helps() -> list[str]:
    """All help that a test above follows."""
    whole = [WHOLE_TEXTS[name][1].splitlines()[-1] for name in EDITS]
    called = [str(raised(case[0], NAMES).diagnostic.help) for case in FOLLOWED.values()]
    read = [survey("model.py", IMPORTS + case[0]).found[0].diagnostic.help for case in READ.values()]
    return [*whole, *called, *map(str, read)]


@pytest.mark.thorough
def test_every_kind_of_help_is_followed() -> None:
    reader = read_kinds()
    assert reader.unread == set(), "teach support/help_kinds.py to read these"
    told = helps()
    missing = [kind for kind in reader.kinds.values() if not any(map(kind.is_in, told))]
    listed = "\n".join(f"{kind.place}: {kind.text}" for kind in missing)
    assert {kind.text for kind in missing} == set(NOT_FOLLOWED), f"add cases to followed_help.txt:\n{listed}"


def test_help_that_is_not_followed_is_noticed() -> None:
    with pytest.raises(errors.TypedEinsumError):
        exec(compile(POOLED, "followed.py", "exec", dont_inherit=True), dict(NAMES))


# Integers, as other tools' own tests have them.


def of_nines(*shape: int) -> Tensor:
    return torch.full(shape, 9, dtype=torch.uint8)


def test_small_integers_are_widened_before_they_are_multiplied() -> None:
    operands = of_nines(2), of_nines(4), of_nines(2, 3)
    found = typed_einsum.einsum("a, c, a b -> a", *operands, sum="b c")
    assert (found.dtype, found.tolist()) == (torch.int64, [8748, 8748])


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (2, 9, 9, 3), (9, 2, 2, 2), (3, 2, 2, 9)])
def test_three_integer_operands_at_any_size(sizes: tuple[int, int, int, int]) -> None:
    a, b, c, f = sizes
    operands = [torch.ones(shape, dtype=torch.int32) for shape in ((a, f), (b,), (c, f))]
    found = typed_einsum.einsum("a f, b, c f -> a", *operands, sum="b c")
    assert (found.dtype, found.tolist()) == (torch.int64, [b * c * f] * a)


def test_a_sum_of_small_integers_alone_is_refused_where_it_is_defined() -> None:
    """Torch sums int32 in int64; a product of two stays int32."""
    told = raised(
        '@typed_einsum\ndef rows(x: Int32[Tensor, "a b"]) -> Int32[Tensor, "a"]: ...', NAMES
    ).diagnostic
    assert (told.code, told.help) == (
        "TE305",
        "torch sums integers in int64: annotate the result `Int64` or `Int`",
    )

    @typed_einsum.typed_einsum
    def product(x: Int32[Tensor, "a b"], y: Int32[Tensor, "b"]) -> Int32[Tensor, "a"]: ...

    @typed_einsum.typed_einsum
    def rows(x: Int32[Tensor, "a b"]) -> Int64[Tensor, "a"]: ...

    x = torch.full((2, 3), 7, dtype=torch.int32)
    assert (product(x, x[0]).dtype, product(x, x[0]).tolist()) == (torch.int32, [147, 147])
    assert (rows(x).dtype, rows(x).tolist()) == (torch.int64, [21, 21])
