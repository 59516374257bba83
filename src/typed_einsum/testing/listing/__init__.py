"""Listings: the source of functions with the shape of every tensor beside its line, as one call had them."""
