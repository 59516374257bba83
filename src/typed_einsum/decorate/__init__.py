"""What all decorators share: the function they get, its annotations, and the definition they leave on it."""
