"""Names for axes that no annotation names: found in the code around them, each with its source."""
