"""`@typed_einsum` as a decorator: what it keeps of a function, which functions and operands it takes."""

import copy
import functools
import inspect
import pickle
import types
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
import pytest
import torch
from jaxtyping import AbstractDtype, Float, Num
from support.signatures import defined, written_einsum
from torch import Tensor

from typed_einsum import einsum, errors, typed_einsum


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def refused(code: str, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments, **keywords)
    assert caught.value.code == code
    return str(caught.value)


# What is kept.


def plain(query: Float[Tensor, "b q d"], /, key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    """Scores of each query against each key."""


plain.note = "the user's own"  # type: ignore[attr-defined]


@typed_einsum
def scores(query: Float[Tensor, "b q d"], /, key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    """Scores of each query against each key."""


class Holder:
    @typed_einsum
    def method(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]: ...

    @typed_einsum
    @staticmethod
    def static(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]: ...


def test_it_looks_like_the_function() -> None:
    made = typed_einsum(plain)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "note"):
        assert getattr(made, name) == getattr(plain, name)
    assert isinstance(made, types.FunctionType)
    assert made.__wrapped__ is plain
    assert inspect.unwrap(made) is plain
    assert inspect.signature(made) == inspect.signature(plain)
    assert typing.get_type_hints(made, include_extras=True) == typing.get_type_hints(plain)
    assert inspect.getsource(made) == inspect.getsource(plain)
    assert made.equation == "b q d, b k d -> b q k"
    assert "query.shape" in made.source


def test_it_is_pickled_and_copied_by_name() -> None:
    for function in (scores, Holder.method, Holder.static):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.copy(function) is copy.deepcopy(function) is function
    again = pickle.loads(pickle.dumps(functools.partial(scores, ones(2, 3, 5))))
    assert again(ones(2, 4, 5)).shape == (2, 3, 4)
    bound = pickle.loads(pickle.dumps(Holder().method))
    assert bound(ones(2, 3)).shape == (3, 2)


def test_a_name_that_was_set_to_something_else() -> None:
    for name in ("scores of f32", "class", "λ", "<lambda>"):
        copied = types.FunctionType(plain.__code__, globals(), name)
        copied.__annotations__ = plain.__annotations__
        made = typed_einsum(copied)
        assert made.__name__ == name
        assert made(ones(2, 3, 5), ones(2, 4, 5)).shape == (2, 3, 4)
        assert f"`{name}` needs `key`" in refused("TE401", made, ones(2, 3, 5))


# Bodies.

BODIES = {
    "ellipsis": "...",
    "pass": "pass",
    "docstring": "'Scores.'",
    "docstring and ellipsis": "'Scores.'; ...",
    "docstring and pass": "'Scores.'; pass",
    "refusal": "raise NotImplementedError",
    "refusal with a text": "raise NotImplementedError('no')",
    "docstring and refusal": "'Scores.'; raise NotImplementedError()",
    "returns None": "return None",
}
REFUSED_BODIES = {
    "returns an operand": "return x",
    "returns a number": "return 3",
    "names an operand": "x",
    "a call": "print(x)",
    "another refusal": "raise ValueError('no')",
    "an assertion": "assert x is not None",
    "a generator": "yield x",
    "an import": "import os",
    "a loop": "\n  while True: pass",
    "a function inside": "\n  def inner(): return x",
    "refuses only sometimes": "\n  if x is None: raise NotImplementedError",
}


def with_body(body: str) -> Callable[..., Tensor]:
    source = f'@typed_einsum\ndef f(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]: {body}\n'
    made: Callable[..., Tensor] = defined(source, {"typed_einsum": typed_einsum})["f"]
    return made


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_does_nothing(body: str) -> None:
    assert with_body(body)(ones(2, 3)).shape == (3, 2)


@pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES)
def test_a_body_that_would_never_run(body: str) -> None:
    assert "the body of `f` would never run" in refused("TE501", with_body, body)


# Parameters.


@typed_einsum
def every_kind(
    a: Float[Tensor, "i j"], /, b: Float[Tensor, "j k"], *, c: Float[Tensor, "k l"]
) -> Float[Tensor, "i l"]: ...


A, B, C = ones(2, 3), ones(3, 4), ones(4, 5)


def test_operands_by_position_and_by_keyword() -> None:
    assert every_kind(A, B, c=C).shape == every_kind(A, c=C, b=B).shape == (2, 5)
    assert "takes 3 operands, but 4 were given" in refused("TE403", every_kind, A, B, C)
    assert "has no operand `cc`" in refused("TE402", every_kind, A, B, cc=C)
    assert "did you mean `c`?" in refused("TE402", every_kind, A, B, cc=C)
    assert "needs `b` and `c`" in refused("TE401", every_kind, A)
    assert "`every_kind` takes `a` by position only" in refused("TE402", every_kind, a=A, b=B, c=C)
    with pytest.raises(TypeError, match=r"every_kind\(\) got multiple values for argument 'b'"):
        every_kind(A, B, b=B, c=C)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ('x: Float[Tensor, "b"] = None', "TE502"),
        ('x: Float[Tensor, "b"], *, y: Float[Tensor, "b"] = ONE', "TE502"),
        ('*x: Float[Tensor, "b"]', "TE507"),
        ('x: Float[Tensor, "b"], **y: Float[Tensor, "b"]', "TE507"),
        ("x", "TE503"),
        ("x: Tensor", "TE503"),
        ('x: Float[Tensor, "b"] | None', "TE503"),
        ('x: Float[Tensor, "b"], scale: float', "TE503"),
        ("", "TE508"),
        ("self", "TE508"),
    ],
)
def test_parameters_that_are_no_operands(parameters: str, code: str) -> None:
    source = f'@typed_einsum\ndef f({parameters}) -> Float[Tensor, "b"]: ...\n'
    refused(code, defined, source, {"typed_einsum": typed_einsum, "ONE": ones(1)})


@pytest.mark.parametrize("result", ["", "-> Tensor", "-> None", '-> tuple[Float[Tensor, "b"]]'])
def test_results_that_are_no_output(result: str) -> None:
    source = f'@typed_einsum\ndef f(x: Float[Tensor, "b"]) {result}: ...\n'
    refused("TE504", defined, source, {"typed_einsum": typed_einsum})


NO_FUNCTIONS = [Holder, 3, len, functools.partial(plain), torch.nn.Linear(2, 3), plain.__call__]


@pytest.mark.parametrize("thing", NO_FUNCTIONS, ids=lambda thing: type(thing).__name__)
def test_only_functions_are_decorated(thing: Any) -> None:
    assert "not on a function" in refused("TE506", typed_einsum, thing)


# Annotations that are strings, and names that come later.

LATE = """
@typed_einsum
def f(x: Weights, y: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...
"""


def test_a_name_that_is_defined_later() -> None:
    names = defined(LATE, {"typed_einsum": typed_einsum}, future=True)
    function = names["f"]
    assert not hasattr(function, "equation")
    assert "NameError: name 'Weights' is not defined" in refused("TE505", function, ones(2, 3), ones(3, 5))
    names["Weights"] = Float[Tensor, "b c"]
    assert function(ones(2, 3), y=ones(3, 5)).shape == (2, 5)
    assert function.equation == "b c, c d -> b d"
    assert "c" in refused("TE201", function, ones(2, 3), ones(4, 5))


def test_a_wrong_equation_of_late_names_is_found_at_the_first_call() -> None:
    names = defined(LATE, {"typed_einsum": typed_einsum}, future=True)
    names["Weights"] = Float[Tensor, "q c"]
    for _ in range(2):
        refused("TE106", names["f"], ones(2, 3), ones(3, 5))


def test_names_for_type_checkers_alone() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING: from somewhere import Weights" + LATE
    function = defined(source, {"typed_einsum": typed_einsum}, future=True)["f"]
    assert "not under TYPE_CHECKING alone" in refused("TE505", function, ones(2, 3), ones(3, 5))


NESTED = """
def make(Weights):
    @typed_einsum
    def f(x: Weights, y: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...
    class Inside:
        Local = Float[Tensor, "b c"]
        @typed_einsum
        def f(self, x: Local, y: Weights) -> Float[Tensor, "b"]: ...
    return f, Inside
"""


@pytest.mark.parametrize("future", [True, False])
def test_names_of_an_enclosing_function_and_class(future: bool) -> None:
    make = defined(NESTED, {"typed_einsum": typed_einsum}, future=future)["make"]
    function, inside = make(Float[Tensor, "b c"])
    assert function.equation == "b c, c d -> b d"
    assert inside.f.equation == "b c, b c -> b"
    assert inside().f(ones(2, 3), ones(2, 3)).shape == (2,)


# Explicit equations and options.


@pytest.mark.parametrize(
    ("explicit", "code"),
    [
        ("bqd,bkd->bqk", None),
        ("xyz, xwz -> xyw", None),
        ("b q d, b k d -> b q k", None),
        ("batch query dim, batch key dim -> batch query key", None),
        ("bqd,bkd->bkq", "TE110"),
        ("bqd,bqd->bqq", "TE110"),
        ("bqd,bke->bqk", "TE110"),
        ("bqd->bqk", "TE111"),
        ("bqd,kd->bqk", "TE111"),
        ("...d,bkd->bqk", "TE111"),
        ("bqd,bkd", "TE101"),
        ("", "TE103"),
        ("b q (d e), b k d -> b q k", "TE105"),
    ],
)
def test_an_explicit_equation_is_verified(explicit: str, code: str | None) -> None:
    def make() -> Any:
        return written_einsum(["b q d", "b k d"], "b q k", explicit=explicit)

    if code is not None:
        refused(code, make)
    else:
        assert make().equation == "b q d, b k d -> b q k"


def test_sums_and_maxima() -> None:
    x, y = torch.randn(2, 3, 5, dtype=torch.float64), torch.randn(2, 7, 5, 4, dtype=torch.float64)
    options = {"max": "k j", "sum": "q"}
    made = written_einsum(["b q d", "b k d j"], "b", **options)
    wanted = torch.einsum("bqd,bkdj->bkj", x, y).amax((1, 2))
    torch.testing.assert_close(made(x, y), wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(einsum("b q d, b k d j -> b", x, y, **options), wanted, rtol=1e-12, atol=1e-12)
    refused("TE108", written_einsum, ["b q d", "b k d j"], "b", max="k j")
    refused("TE109", written_einsum, ["b q d", "b k d"], "b q", max="q")
    for option in ("sum", "max"):
        refused("TE408", typed_einsum, **{option: ["q"]})


def test_long_equations() -> None:
    long = " ".join(["axis"] * 2000) + " -> axis"
    assert len(long) > 10_000
    refused("TE104", einsum, long, ones(2))
    refused("TE104", typed_einsum(long), plain)
    names = [f"axis_{number:0>300}" for number in range(40)]
    made = written_einsum([" ".join(names)], " ".join(names[::-1]))
    assert made(ones(2, 3, *[1] * 38)).shape == (*[1] * 38, 3, 2)
    refused("TE116", written_einsum, [" ".join(f"axis_{number}" for number in range(2000))], "axis_0")


# Dtypes.

ANNOTATIONS = {
    name: value
    for name, value in vars(jaxtyping).items()
    if isinstance(value, type) and issubclass(value, AbstractDtype) and value is not AbstractDtype
}
DTYPES = list(dict.fromkeys(value for value in vars(torch).values() if isinstance(value, torch.dtype)))
WITHOUT_DTYPES = {"Float8e4m3b11fnuz", "Key"}
"""Annotations that no dtype of torch satisfies."""


def accepted(name: str) -> set[torch.dtype]:
    """The dtypes that a typed einsum with these annotations takes."""
    made = written_einsum(["b"], "b", dtype=name)
    found = set()
    for dtype in DTYPES:
        try:
            made(torch.empty(2, dtype=dtype))
        except errors.DtypeError as error:
            assert error.code == "TE301"
        else:
            found.add(dtype)
    return found


@pytest.mark.filterwarnings(
    "ignore:ComplexHalf support", "ignore:BComplex32 support", "ignore:torch.quantize_per_tensor"
)
@pytest.mark.parametrize("name", ANNOTATIONS)
def test_a_dtype_is_accepted_where_jaxtyping_accepts_it(name: str) -> None:
    annotation = ANNOTATIONS[name][Tensor, "b"]
    wanted = {dtype for dtype in DTYPES if isinstance(torch.empty(2, dtype=dtype), annotation)}
    assert (wanted == set()) == (name in WITHOUT_DTYPES)
    if wanted:
        assert accepted(name) == wanted
    else:
        refused("TE302", accepted, name)


@pytest.mark.parametrize(
    ("first", "second", "result", "code"),
    [
        ("Float", "Float32", "Float", None),
        ("Num", "Int", "Shaped", None),
        ("Shaped", "Shaped", "BFloat16", None),
        ("Float32", "Float64", "Float", "TE302"),
        ("Float", "Int", "Num", "TE302"),
        ("Bool", "Num", "Num", "TE302"),
        ("Float", "Float", "Int", "TE305"),
        ("Int", "Int", "Float", "TE305"),
    ],
)
def test_annotated_dtypes_must_agree(first: str, second: str, result: str, code: str | None) -> None:
    source = (
        f'@typed_einsum\ndef f(x: {first}[Tensor, "b c"], y: {second}[Tensor, "b c"])'
        f' -> {result}[Tensor, "b"]: ...\n'
    )
    if code is None:
        assert defined(source, {"typed_einsum": typed_einsum})["f"].equation == "b c, b c -> b"
    else:
        refused(code, defined, source, {"typed_einsum": typed_einsum})


def test_operands_have_one_dtype_and_the_result_the_annotated_one() -> None:
    made = written_einsum(["b c", "b c"], "b", dtype="Num")
    x = ones(2, 3)
    assert "`x1` is f32 but `x2` is f64" in refused("TE302", made, x, x.double())
    assert made(x.int(), x.int()).dtype is torch.int32

    @typed_einsum
    def narrow(x: Num[Tensor, "b c"], y: Num[Tensor, "b c"]) -> Float[Tensor, "b"]: ...

    assert narrow(x, x).dtype is torch.float32
    assert "the result has dtype i64, which `Float` does not allow" in refused(
        "TE305", narrow, x.long(), x.long()
    )
