"""`python -m l0gm_edge`: the command line."""

from l0gm_edge.cli.main import main

main()
