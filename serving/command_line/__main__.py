"""`python -m serving.command_line`, the same as `siterisk`."""

from serving.command_line import main

main()
