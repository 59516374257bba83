from ..misc.twice import twice

import a_library_that_is_not_installed
from jaxtyping import Float
from torch import Tensor


def four_times(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return twice(twice(x)) + a_library_that_is_not_installed.zero
