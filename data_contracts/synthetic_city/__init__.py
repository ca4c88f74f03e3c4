"""A city made up from a seed: contract tables as the station would hold them, and its hidden truth apart."""
