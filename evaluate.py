"""Compare models on the failure tests: python evaluate.py, with --help for its options."""

from lit_invariance.cli.entry import evaluate_command

if __name__ == "__main__":
    evaluate_command()
