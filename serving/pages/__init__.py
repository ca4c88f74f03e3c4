"""The managers' pages under /ui: rendered on the server, Chinese first, with nothing from outside."""
