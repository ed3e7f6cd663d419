"""`python -m trainer` is the `trainer` command; `accelerate launch -m trainer` runs it in several processes."""

from trainer.cli import main

main()
