"""Source that this library writes: the checks of one call, without a loop where none is needed."""
