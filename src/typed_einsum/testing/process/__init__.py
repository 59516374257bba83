"""The worker process in which the command runs a user's files."""
