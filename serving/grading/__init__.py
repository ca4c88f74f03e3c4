"""Dynamic grades, how often a site is visited, and the daily run that sets both."""
