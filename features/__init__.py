"""Floor 1: every fact as it was known, and the catalogue of features declared over them."""
