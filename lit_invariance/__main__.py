"""`python -m lit_invariance --version`."""

import argparse

from lit_invariance.version import version


def main(args: list[str] | None = None) -> None:
    """Tell the version, or how the two commands are called.

    Args:
        args: Command-line arguments; None takes the process's own.
    """
    parser = argparse.ArgumentParser(
        prog="python -m lit_invariance",
        description="Measure, explain and fix how an image classifier answers when the picture moves by one pixel.",
        epilog="Commands: lit-invariance-train and lit-invariance-evaluate, or train.py and evaluate.py in a checkout; "
        "each has --help.",
    )
    parser.add_argument("--version", action="version", version=f"lit_invariance {version()}")
    parser.parse_args(args)
    parser.print_help()


if __name__ == "__main__":
    main()
