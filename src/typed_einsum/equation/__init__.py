"""The language: axes, equations made of them, how both are written, and what is wrong with them."""
