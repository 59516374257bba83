"""What the pytest plugin runs: contracts as test items, strict einsum, jaxtyping's checks."""
