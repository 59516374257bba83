"""Functions run on inputs made from their own annotations; `typed-einsum check` stands on this."""
