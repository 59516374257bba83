"""The exit statuses of the command."""

CLEAN, FINDINGS, COULD_NOT_RUN = 0, 1, 2
