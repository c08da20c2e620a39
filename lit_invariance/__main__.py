"""`python -m lit_invariance --version`, and the commands that have no script of their own."""

import argparse
import sys

from lit_invariance.version import version


def main(args: list[str] | None = None) -> None:
    """Run a command, tell the version, or how the commands are called.

    Args:
        args: Command-line arguments; None takes the process's own.
    """
    args = sys.argv[1:] if args is None else args
    if args[:1] == ["export"]:
        from lit_invariance.cli.entry import export_command

        export_command(args[1:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m lit_invariance",
        description="Measure, explain and fix how an image classifier answers when the picture moves by one pixel.",
        epilog="Commands: lit-invariance-train and lit-invariance-evaluate, or train.py and evaluate.py in a checkout; "
        "python -m lit_invariance export writes a network for other programs. Each has --help.",
    )
    parser.add_argument("--version", action="version", version=f"lit_invariance {version()}")
    parser.parse_args(args)
    parser.print_help()


if __name__ == "__main__":
    main()
