"""The axis names of the checked function that is running, and the texts that are held against them."""
