from collections.abc import Generator
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor


@contextmanager
def background(color: Float[Tensor, "3"]) -> Generator[None, None, None]:
    yield
