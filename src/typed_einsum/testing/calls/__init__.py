"""Calls: a function with its arguments. Everything that is said about code is said about a call."""
