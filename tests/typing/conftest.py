"""The programs here are for type checkers to read; test_type_checkers.py runs what can be run of them."""

collect_ignore = ["good", "bad"]
