"""The weekly inspection plan: which sites, on which day, by whom, and what to look at."""
