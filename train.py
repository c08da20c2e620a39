"""Fine-tune a classifier and watch its invariance: python train.py --config aa_resnet50.yaml."""

from lit_invariance.cli.entry import train_command

if __name__ == "__main__":
    train_command()
