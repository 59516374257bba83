"""The site as its readers meet it."""
