"""The attention einsums and what is composed of them, against references written from the definitions."""

from __future__ import annotations

import inspect
import math
import re
import string
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support import reference_attention as reference
from torch import Tensor, nn
from torch.nn import functional as F

from typed_einsum import attention, errors
from typed_einsum.attention import AXES, buckets, dot_product, equations, latent, positions
from typed_einsum.nn import c2f, contrastive, image_pooling, max_sigmoid

B, M, Q, K, C, D = 2, 3, 4, 5, 6, 7


def randn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum((i + 1) * size for i, size in enumerate(shape)))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def qkv() -> tuple[Tensor, Tensor, Tensor]:
    return randn(B, M, Q, C), randn(B, M, K, C), randn(B, M, K, D)


def test_close_can_fail() -> None:
    with pytest.raises(AssertionError):
        close(attention.scaled_dot_product(*qkv()), reference.scaled_dot_product(*qkv()) + 1e-11)


# The equations themselves.


def test_there_are_many_and_each_is_listed_once() -> None:
    found = equations()
    assert len(found) >= 40
    assert len(set(map(id, found.values()))) == len(found)


@pytest.mark.parametrize("name", equations())
def test_an_equation_says_what_it_is_and_where_it_is_from(name: str) -> None:
    function = equations()[name]
    text = inspect.getdoc(function) or ""
    for part in ("Equation: ", "Axes: ", "Source: ", "Examples:\n"):
        assert part in text
    assert text[0].isupper()


@pytest.mark.parametrize("name", equations())
def test_an_equation_is_torch_einsum(name: str) -> None:
    function = equations()[name]
    inputs, output = function.equation.split(" -> ")
    names = sorted(set(re.findall(r"\w+", inputs)))
    sizes = {axis: 2 + i % 5 for i, axis in enumerate(names)}
    operands = [
        randn(*(sizes[axis] for axis in operand.replace("*", "").split())) for operand in inputs.split(",")
    ]
    summed = set(names) - set(output.replace("*", "").split())
    best = [axis for axis in summed if name.startswith("retrieval") and axis == "k"]
    letter = dict(zip(names, string.ascii_letters, strict=False))
    spelled = re.sub(r"\w+", lambda name: letter[name[0]], function.equation)
    letters = spelled.replace(" ", "").replace("*", "") + "".join(letter[axis] for axis in best)
    wanted = torch.einsum(letters, *operands)
    close(function(*operands), wanted.amax(-1) if best else wanted)


def documented(text: str) -> tuple[str, dict[str, str]]:
    """The equation that a docstring states, written as an equation, and what it says of each axis."""
    stated = re.search(r"Equation: `(.*?)`.*?\n\nAxes: (.*?)\.\n\n", text, re.DOTALL)
    assert stated is not None
    formula, axes = stated.groups()
    parts = [part.replace("…", "*b").replace(",", " ") for part in re.findall(r"\[([^]]*)\]", formula)]
    said = dict(re.findall(r"`([^`]*)` (.*?)(?:, (?=`)|$)", " ".join(axes.split())))
    return f"{', '.join(parts[1:])} -> {parts[0]}", said


@pytest.mark.parametrize("name", equations())
def test_the_documented_equation_is_the_one_that_runs(name: str) -> None:
    equation, said = documented(inspect.getdoc(equations()[name]) or "")
    assert equation == equations()[name].equation
    assert set(said) == set(re.findall(r"\*?\w+", equation))
    assert all(meaning == AXES[axis] for axis, meaning in said.items() if not axis.startswith("*"))


def test_another_equation_in_a_docstring_is_noticed() -> None:
    text = "S.\n\nEquation: `S[b,k] = Σ_c Q[b,c] · K[b,k,c]`.\n\nAxes: `b` sample of a batch, `c` x.\n\n"
    assert documented(text) == ("b c, b k c -> b k", {"b": "sample of a batch", "c": "x"})


def test_every_axis_has_one_meaning() -> None:
    used = set()
    modules = (max_sigmoid, c2f, contrastive, image_pooling)
    blocks = [value for module in modules for value in vars(module).values() if hasattr(value, "equation")]
    for function in [*equations().values(), *blocks]:
        used |= set(re.findall(r"[a-z]\w*", function.equation))
    assert used <= AXES.keys()
    assert len(blocks) >= 4


# Scaled dot product.


def test_scaled_dot_product() -> None:
    q, k, v = qkv()
    found = attention.scaled_dot_product(q, k, v)
    close(found, reference.scaled_dot_product(q, k, v))
    close(found, F.scaled_dot_product_attention(q, k, v))
    close(found, attention.fused_dot_product(q, k, v))


def test_a_causal_kernel_is_a_mask() -> None:
    q, k, v = randn(B, M, K, C), randn(B, M, K, C), randn(B, M, K, D)
    keep = torch.ones(K, K, dtype=torch.bool).tril()
    close(
        attention.fused_dot_product(q, k, v, causal=True),
        attention.scaled_dot_product(q, k, v, keep, mask_axes="q k"),
    )


@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_masks(kind: str) -> None:
    q, k, v = qkv()
    keep = torch.tensor([[True, False, True, True, False], [True, True, True, False, True]])
    mask = keep if kind == "boolean" else torch.zeros(B, K, dtype=torch.float64).masked_fill(~keep, -math.inf)
    found = attention.scaled_dot_product(q, k, v, mask, mask_axes="b k")
    close(found, F.scaled_dot_product_attention(q, k, v, keep[:, None, None]))


def test_a_mask_in_another_order_is_refused_by_name() -> None:
    q, k, v = qkv()
    mask = torch.ones(B, K, Q, dtype=torch.bool)
    with pytest.raises(errors.ShapeError) as caught:
        attention.scaled_dot_product(q, k, v, mask)
    assert "axis `q` is 4" in str(caught.value) or "axis `k` is 5" in str(caught.value)
    close(
        attention.scaled_dot_product(q, k, v, mask, mask_axes="b k q"),
        attention.scaled_dot_product(q, k, v),
    )


@pytest.mark.parametrize("cross", [False, True])
def test_multi_head_is_that_of_torch(cross: bool) -> None:
    module = nn.MultiheadAttention(12, M, bias=False, batch_first=True, dtype=torch.float64)
    x, memory = randn(B, Q, 12), randn(B, K, 12)
    memory = memory if cross else x
    to_q, to_k, to_v = (part.unflatten(0, (M, 4)) for part in module.in_proj_weight.chunk(3))
    found = attention.multi_head(x, memory, to_q, to_k, to_v, module.out_proj.weight.unflatten(1, (M, 4)))
    wanted, _ = module(x, memory, memory)
    close(found, wanted)


@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_masks_of_multi_head_are_those_of_torch(kind: str) -> None:
    module = nn.MultiheadAttention(12, M, bias=False, batch_first=True, dtype=torch.float64)
    x = randn(B, K, 12)
    to_q, to_k, to_v = (part.unflatten(0, (M, 4)) for part in module.in_proj_weight.chunk(3))
    weights = to_q, to_k, to_v, module.out_proj.weight.unflatten(1, (M, 4))
    padded, later = torch.zeros(B, K, dtype=torch.bool), torch.ones(K, K, dtype=torch.bool).triu(1)
    padded[1, 3:] = True
    keep = ~(padded[:, None] | later)
    mask = keep if kind == "boolean" else torch.zeros_like(keep, dtype=x.dtype).masked_fill(~keep, -math.inf)
    wanted, _ = module(x, x, x, key_padding_mask=padded, attn_mask=later)
    close(attention.multi_head(x, x, *weights, mask), wanted)


# Shared keys and values.


def test_multi_query() -> None:
    q, k, v = randn(B, M, Q, C), randn(B, K, C), randn(B, K, D)
    wanted = reference.scaled_dot_product(
        q, k[:, None].expand(-1, M, -1, -1), v[:, None].expand(-1, M, -1, -1)
    )
    close(attention.multi_query(q, k, v), wanted)


def test_grouped_query_is_that_of_torch() -> None:
    q, k, v = randn(B, 2 * M, Q, C), randn(B, M, K, C), randn(B, M, K, D)
    found = attention.grouped_query(q.unflatten(1, (M, 2)), k, v).flatten(1, 2)
    close(found, F.scaled_dot_product_attention(q, k, v, enable_gqa=True))


def test_latent_attention_is_attention_with_expanded_keys_and_values() -> None:
    q, x = randn(B, M, Q, C), randn(B, K, 12)
    to_latent, to_key, to_value = randn(4, 12), randn(M, C, 4), randn(M, D, 4)
    q_rotary, k_rotary = randn(B, M, Q, 8), randn(B, K, 8)
    small = torch.stack([sample @ to_latent.T for sample in x])
    k = torch.stack([torch.stack([sample @ head.T for head in to_key]) for sample in small])
    v = torch.stack([torch.stack([sample @ head.T for head in to_value]) for sample in small])
    close(latent.expanded_keys(latent.compressed(x, to_latent), to_key), k)
    both = torch.cat([q, q_rotary], 3), torch.cat([k, k_rotary[:, None].expand(-1, M, -1, -1)], 3)
    close(
        attention.multi_head_latent(q, x, to_latent, to_key, to_value, q_rotary, k_rotary),
        reference.scaled_dot_product(*both, v),
    )
    without = q_rotary[..., :0], k_rotary[..., :0]
    close(
        attention.multi_head_latent(q, x, to_latent, to_key, to_value, *without),
        reference.scaled_dot_product(q, k, v),
    )


# Masks of what is composed.

MASKED: dict[str, tuple[Callable[..., Tensor], Callable[[], tuple[Any, ...]]]] = {
    "scaled_dot_product": (attention.scaled_dot_product, qkv),
    "multi_query": (attention.multi_query, lambda: (randn(B, M, Q, C), randn(B, K, C), randn(B, K, D))),
    "grouped_query": (
        attention.grouped_query,
        lambda: (randn(B, M, 8, Q, C), randn(B, M, K, C), randn(B, M, K, D)),
    ),
    "multi_head_latent": (
        attention.multi_head_latent,
        lambda: (
            *(randn(B, M, Q, C), randn(B, K, 12), randn(4, 12), randn(M, C, 4), randn(M, D, 4)),
            *(randn(B, M, Q, 8), randn(B, K, 8)),
        ),
    ),
    "talking_heads": (
        attention.talking_heads,
        lambda: (randn(B, M, Q, C), randn(B, M, K, C), randn(B, 8, K, D), randn(M, 9), randn(9, 8)),
    ),
    "relative_position": (attention.relative_position, lambda: (*qkv(), randn(Q, K, C), randn(Q, K, D))),
}
each_masked = pytest.mark.parametrize(("function", "inputs"), MASKED.values(), ids=MASKED)


def without_last_key(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with one key fewer: what hiding the last key must give."""
    axes = {
        "multi_head_latent": {1: 1, 6: 1},
        "multi_query": {1: 1, 2: 1},
        "relative_position": {1: 2, 2: 2, 3: 1, 4: 1},
    }.get(name, {1: 2, 2: 2})
    return tuple(x.narrow(axes[at], 0, K - 1) if at in axes else x for at, x in enumerate(values))


@each_masked
@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_hidden_key_is_as_good_as_none(function: Any, inputs: Any, kind: str) -> None:
    keep = torch.ones(B, K, dtype=torch.bool)
    keep[:, -1] = False
    mask = keep if kind == "boolean" else torch.zeros(B, K, dtype=torch.float64).masked_fill(~keep, -math.inf)
    values = inputs()
    wanted = function(*without_last_key(function.__name__, values))
    close(function(*values, mask=mask, mask_axes="b k"), wanted)
    assert (function(*values) - wanted).abs().max() > 1e-6


@each_masked
def test_a_wrong_mask_is_refused_by_name(function: Any, inputs: Any) -> None:
    values = inputs()
    turned = torch.ones(B, K, Q, dtype=torch.bool)
    with pytest.raises(errors.ShapeError) as caught:
        function(*values, mask=turned)
    assert "axis `q` is 4" in str(caught.value)
    assert "axis `k` is 5" in str(caught.value)
    assert "two axes of the mask look swapped" in str(caught.value)
    with pytest.raises(errors.EquationError, match="axis `n` of the mask is not among"):
        function(*values, mask=turned, mask_axes="b n k")
    with pytest.raises(errors.DtypeError, match="the mask has dtype i64"):
        function(*values, mask=turned.long(), mask_axes="b k q")
    close(function(*values, mask=turned, mask_axes="b k q"), function(*values))


@each_masked
def test_a_query_that_sees_nothing_takes_up_nothing(function: Any, inputs: Any) -> None:
    keep = torch.ones(Q, K, dtype=torch.bool)
    keep[1] = False
    found = function(*inputs(), mask=keep, mask_axes="q k")
    assert found[..., 1, :].eq(0).all()
    assert found.isfinite().all()


# Kernels.


def test_linear_attention_is_its_quadratic_form() -> None:
    q, k, v = qkv()
    close(attention.linear(q.exp(), k.exp(), v), reference.linear(q.exp(), k.exp(), v))


def test_causal_linear_attention_is_its_quadratic_form() -> None:
    q, k, v = randn(B, M, K, C).exp(), (randn(B, M, K, C) * 2).exp(), randn(B, M, K, D)
    found = attention.causal_linear(q, k, v)
    close(found, reference.linear(q, k, v, causal=True))
    close(found[:, :, -1], attention.linear(q, k, v)[:, :, -1])


def test_performer_is_linear_attention_of_random_features() -> None:
    q, k, v = qkv()
    directions, scale = randn(9, C), C**-0.25
    features = (reference.random_features(x * scale, directions) for x in (q, k))
    close(attention.performer(q, k, v, directions), reference.linear(*features, v))


def test_performer_estimates_scaled_dot_product() -> None:
    q, k, v = (x / 4 for x in qkv())
    directions = torch.randn(100_000, C, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = attention.scaled_dot_product(q, k, v)
    torch.testing.assert_close(attention.performer(q, k, v, directions), wanted, rtol=0.02, atol=0.005)


def test_performer_does_not_overflow_where_its_features_do() -> None:
    q, k, v = (x.float() * 20 for x in qkv())
    directions = randn(9, C).float() * 20
    assert not attention.positive_features(q, directions).isfinite().all()
    found = attention.performer(q, k, v, directions)
    assert found.isfinite().all()
    # In logarithms nothing overflows, whatever the exponents.
    exponents = [(x.double() * C**-0.25) @ directions.double().T for x in (q, k)]
    halves = [(x.double().square() * C**-0.5).sum(-1, keepdim=True) / 2 for x in (q, k)]
    of_query, of_key = (a - b for a, b in zip(exponents, halves, strict=True))
    scores = (of_query.unsqueeze(3) + of_key.unsqueeze(2)).logsumexp(-1)
    wanted = reference.softmax(scores) @ v.double()
    torch.testing.assert_close(found.double(), wanted, rtol=1e-2, atol=1e-2)


def test_positive_features_estimate_the_exponential() -> None:
    x, y = randn(1, 1, 3, 4) / 4, randn(1, 1, 2, 4) / 4
    directions = torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    of_x, of_y = (attention.positive_features(each, directions)[0, 0] for each in (x, y))
    torch.testing.assert_close(of_x @ of_y.T, (x[0, 0] @ y[0, 0].T).exp(), rtol=0.02, atol=0.02)
    one = attention.positive_features(x, directions[:3])[0, 0, 1]
    close(one, (directions[:3] @ x[0, 0, 1] - x[0, 0, 1].square().sum() / 2).exp() / math.sqrt(3))


# Positions.


def test_relative_position() -> None:
    arguments = (*qkv(), randn(Q, K, C), randn(Q, K, D))
    close(attention.relative_position(*arguments), reference.relative_position(*arguments))


def test_a_bias_for_each_bucket() -> None:
    buckets, table = torch.arange(Q)[:, None] + torch.arange(K), randn(Q + K, M)
    found = attention.bucket_bias(buckets, table)
    assert all(
        found[m, q, k] == table[buckets[q, k], m] for m in range(M) for q in range(Q) for k in range(K)
    )


def test_the_bias_of_a_bucket_is_an_einsum() -> None:
    which = torch.arange(Q)[:, None] + torch.arange(K)
    table = randn(9, M)
    close(buckets.chosen_bias(F.one_hot(which, 9).double(), table), attention.bucket_bias(which, table))


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("count", "farthest"), [(32, 128), (8, 16), (6, 100), (12, 50)])
def test_buckets_of_distances(count: int, farthest: int, both: bool) -> None:
    found = attention.distance_buckets(140, 150, count, farthest, both_sides=both)
    for q, k in ((q, k) for q in (0, 1, 70, 139) for k in range(150)):
        assert found[q, k] == reference.distance_bucket(k - q, count, farthest, both), (q, k)
    assert found.max() == count - 1


def test_buckets_that_cannot_be_are_refused() -> None:
    with pytest.raises(errors.SettingError, match="`count` is 3 and `farthest` is 128: 0 distances"):
        attention.distance_buckets(4, 5, 3)
    with pytest.raises(errors.SettingError, match="`count` is 32 and `farthest` is 8: 8 distances"):
        attention.distance_buckets(4, 5, 32, 8)


@pytest.mark.parametrize("offsets", [Q + K, Q + K - 2])
def test_another_number_of_offsets_is_refused(offsets: int) -> None:
    biases = randn(M, C), randn(M, C)
    with pytest.raises(errors.ShapeError, match=f"axis `q.k-1` is {offsets} in `offset`") as caught:
        attention.offset_position_scores(randn(B, M, Q, C), randn(B, M, K, C), randn(M, offsets, C), *biases)
    assert caught.value.code == "TE205"


@pytest.mark.parametrize("keys", [3, 4, 7])
def test_scores_in_four_terms(keys: int) -> None:
    arguments = (
        randn(B, M, Q, C),
        randn(B, M, keys, C),
        randn(M, Q + keys - 1, C),
        randn(M, C),
        randn(M, C + 0) * 2,
    )
    close(attention.offset_position_scores(*arguments), reference.offset_position_scores(*arguments))


def test_offsets_count_from_the_most_negative() -> None:
    found = positions.offsets(3, 4)
    assert found.min() == 0
    assert found.max() == 5
    assert all(found[q, k] == k - q + 2 for q in range(3) for k in range(4))


def test_decomposed_positions() -> None:
    q, rows, columns = randn(B, 4, 5, C), randn(4, 7, C), randn(5, 8, C)
    found = attention.decomposed_position_scores(q, rows, columns)
    for h, w, y, x in ((0, 0, 0, 0), (3, 4, 6, 7), (1, 2, 5, 3)):
        close(found[:, h, w, y, x], (q[:, h, w] * (rows[h, y] + columns[w, x])).sum(-1))


# The others.


def test_talking_heads() -> None:
    arguments = randn(B, M, Q, C), randn(B, M, K, C), randn(B, 8, K, D), randn(M, 9), randn(9, 8)
    close(attention.talking_heads(*arguments), reference.talking_heads(*arguments))


def test_bilinear_is_that_of_torch() -> None:
    x, weight, y = randn(B, 3), randn(3, 4), randn(B, 4)
    close(attention.bilinear(x, weight, y), F.bilinear(x, y, weight[None])[:, 0])


def test_luong() -> None:
    state, weight, source = randn(B, C), randn(C, 3), randn(B, K, 3)
    rows = zip(state @ weight, source, strict=True)
    close(
        attention.luong(state, weight, source),
        torch.stack([reference.attend(row, keys, keys, 1.0) for row, keys in rows]),
    )


def test_bahdanau() -> None:
    state, source, of_state, of_source, out = randn(B, C), randn(B, K, 3), randn(8, C), randn(8, 3), randn(8)
    wanted = []
    for row, keys in zip(state, source, strict=True):
        scores = torch.stack([(out * (of_state @ row + of_source @ key).tanh()).sum() for key in keys])
        wanted.append((reference.softmax(scores)[:, None] * keys).sum(0))
    close(attention.bahdanau(state, source, of_state, of_source, out), torch.stack(wanted))


@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_padded_source_is_as_good_as_a_short_one(kind: str) -> None:
    state, source = randn(B, C), randn(B, K, 3)
    keep = (torch.arange(K) < 3).expand(B, K)
    mask = keep if kind == "boolean" else torch.zeros(B, K, dtype=torch.float64).masked_fill(~keep, -math.inf)
    weights = randn(8, C), randn(8, 3), randn(8)
    for function, after in ((attention.bahdanau, weights), (attention.luong, ())):
        before = (state,) if after else (state, randn(C, 3))
        wanted = function(*before, source[:, :3], *after)
        close(function(*before, source, *after, mask=mask), wanted)
        close(function(*before, source, *after, mask=mask.T, mask_axes="k b"), wanted)
        assert (function(*before, source, *after) - wanted).abs().max() > 1e-6
        with pytest.raises(errors.ShapeError, match="axis `b` is 2 in `state` but 5 in the mask"):
            function(*before, source, *after, mask=mask.T)


def test_axial() -> None:
    arguments = randn(B, M, 4, 5, C), randn(B, M, 4, 5, C) * 2, randn(B, M, 4, 5, D)
    close(attention.axial(*arguments), reference.axial(*arguments))


def test_slot_attention() -> None:
    arguments = randn(B, M, C), randn(B, K, C), randn(B, K, D)
    close(attention.slot_attention(*arguments), reference.slot_attention(*arguments, 1e-8))


def test_a_slot_that_wins_nothing_averages_all_in_half_precision_too() -> None:
    slot, key = torch.tensor([[[200.0, 0.0], [-200.0, 0.0]]]), torch.tensor([[[10.0, 0.0], [20.0, 1.0]]])
    value = randn(1, 2, 3)
    found = attention.slot_attention(slot.half(), key.half(), value.half())
    torch.testing.assert_close(found[0, 1].double(), value[0].mean(0), rtol=2e-3, atol=2e-3)


def test_regions_and_texts() -> None:
    image, text = randn(B, C, 4, 5), randn(B, M, C)
    found = attention.region_text(image, text, scale=2.0, bias=-1.0)
    wanted = F.cosine_similarity(image[:, None], text[..., None, None], 2) * 2 - 1
    close(found, wanted)


def test_image_pooling() -> None:
    text, key, value = randn(B, Q, M, C), randn(B, 9, M, C), randn(B, 9, M, D)
    turned = [x.transpose(1, 2) for x in (text, key, value)]
    close(attention.image_pooling(text, key, value), reference.scaled_dot_product(*turned).transpose(1, 2))


def test_late_interaction() -> None:
    query, document = randn(B, Q, C), randn(M, K, C)
    wanted = [[(doc @ tokens.T).max(0).values.sum() for doc in document] for tokens in query]
    close(attention.late_interaction(query, document), torch.stack([torch.stack(row) for row in wanted]))


def test_padding_does_not_match() -> None:
    query, document = randn(B, Q, C), randn(M, K, C)
    keep = torch.ones(M, K, dtype=torch.bool)
    keep[0, 3:] = False
    keep[1, :2] = False
    document[~keep] = 100.0
    wanted = [
        [(doc[row] @ t.T).max(0).values.sum() for doc, row in zip(document, keep, strict=True)] for t in query
    ]
    close(
        attention.late_interaction(query, document, keep), torch.stack([torch.stack(row) for row in wanted])
    )
    with pytest.raises(errors.ShapeError, match="axis `n` is 3 in `document` but 5 in `mask`"):
        attention.late_interaction(query, document, keep.T)


@pytest.mark.parametrize("chunk", [5, 0, -3, 24])
def test_a_chunk_that_does_not_divide_the_length_is_refused(chunk: int) -> None:
    x, decay, states = randn(B, 12, M, D), -randn(B, 12, M).abs(), randn(B, 12, M, 4)
    with pytest.raises(errors.SettingError, match=f"`chunk` is {chunk}, but `x` has 12 positions") as caught:
        attention.chunked_scan(x, decay, states, states, chunk)
    assert "`chunk` can be one of 3, 4, 6, 12; or pad" in str(caught.value)


def test_padding_with_zeros_leaves_a_scan_as_it_is() -> None:
    x, decay = randn(B, 10, M, D), -randn(B, 10, M).abs()
    write, read = randn(B, 10, M, 4), randn(B, 10, M, 4) * 2
    padded = [F.pad(each.transpose(1, -1), (0, 2)).transpose(1, -1) for each in (x, decay, write, read)]
    close(attention.chunked_scan(*padded, 4)[:, :10], reference.scan(x, decay, write, read))


@pytest.mark.parametrize("chunk", [1, 2, 3, 6, 12])
def test_a_chunked_scan_is_the_recurrence(chunk: int) -> None:
    x, decay = randn(B, 12, M, D), -randn(B, 12, M).abs()
    write, read = randn(B, 12, M, 4), randn(B, 12, M, 4) * 2
    close(attention.chunked_scan(x, decay, write, read, chunk), reference.scan(x, decay, write, read))


def test_experts() -> None:
    weights = torch.zeros(Q, M, 2, dtype=torch.float64)
    for token, expert, slot, gate in ((0, 1, 0, 0.7), (1, 1, 1, 0.3), (2, 0, 0, 1.0), (0, 2, 1, 0.3)):
        weights[token, expert, slot] = gate
    arguments = randn(Q, C), weights, randn(M, C, 8), randn(M, 8, C)
    close(attention.mixture_of_experts(*arguments), reference.mixture_of_experts(*arguments))


def test_gram() -> None:
    x, y = randn(B, 3, 4, 5), randn(B, C, 4, 5)
    close(attention.gram(x, y), x.flatten(2) @ y.flatten(2).mT)


def test_a_layer_with_a_change_of_low_rank() -> None:
    x, weight, down, up = randn(B, K, C), randn(D, C), randn(3, C), randn(D, 3)
    close(attention.adapted(x, weight, down, up, 0.5), x @ (weight + 0.5 * up @ down).T)


def test_tensor_train() -> None:
    first, middle, last = randn(4, 2), randn(2, 5, 3), randn(3, 6)
    found = attention.tensor_train(first, middle, last)
    for i, o, f in ((0, 0, 0), (3, 4, 5), (1, 2, 3)):
        close(found[i, o, f], first[i] @ middle[:, o] @ last[:, f])


# Everywhere.


@pytest.mark.parametrize(
    "function",
    [attention.scaled_dot_product, attention.fused_dot_product, attention.linear],
    ids=lambda f: f.__name__,
)
def test_compiled_without_a_break(function: Any) -> None:
    values = [each.exp() for each in qkv()]
    close(torch.compile(function, fullgraph=True, backend="eager")(*values), function(*values))


@each_masked
def test_compiled_with_a_mask(function: Any, inputs: Any) -> None:
    values, keep = inputs(), torch.ones(Q, K, dtype=torch.bool).tril()
    torch.compiler.reset()
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    close(compiled(*values, mask=keep, mask_axes="q k"), function(*values, mask=keep, mask_axes="q k"))


@each_masked
def test_gradients_with_a_mask(function: Any, inputs: Any) -> None:
    values = [each.detach().clone().requires_grad_() for each in inputs()]
    keep = torch.ones(Q, K, dtype=torch.bool).tril()
    keep[0] = False
    assert torch.autograd.gradcheck(
        lambda *given: function(*given, mask=keep, mask_axes="q k"), values, fast_mode=True
    )


def test_gradients_of_a_scan() -> None:
    values = randn(1, 4, 2, 3), -randn(1, 4, 2).abs(), randn(1, 4, 2, 3) / 2, randn(1, 4, 2, 3)
    given = [each.detach().clone().requires_grad_() for each in values]
    assert torch.autograd.gradcheck(lambda *each: attention.chunked_scan(*each, 2), given, fast_mode=True)


def test_gradients() -> None:
    operands = [each.requires_grad_() for each in qkv()]
    assert torch.autograd.gradcheck(attention.scaled_dot_product, operands)
    slot, key, value = (randn(*shape).requires_grad_() for shape in ((1, 2, 3), (1, 4, 3), (1, 4, 2)))
    assert torch.autograd.gradcheck(attention.slot_attention, (slot, key, value))


def test_a_wrong_head_is_refused_by_name() -> None:
    q, k, v = qkv()
    with pytest.raises(errors.ShapeError, match="axis `m` is 3 in `query` but 2 in `key`"):
        attention.scaled_dot_product(q, k[:, :2], v)
    with pytest.raises(errors.ShapeError, match="axis `k` is 5 in `weights` but 4 in `value`"):
        dot_product.mixture(randn(B, M, Q, K), v[:, :, :4])
