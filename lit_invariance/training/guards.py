"""The callbacks that warn, once and with the fix, of a training from which nothing good will come."""

from pytorch_lightning.callbacks import Callback

from lit_invariance.training.at_chance import AtChance
from lit_invariance.training.few_pictures import FewPictures
from lit_invariance.training.rising_loss import RisingLoss
from lit_invariance.training.stale_statistics import StaleStatistics


def guards() -> list[Callback]:
    """Return new ones; the learning rate has its own, see `about_rate`."""
    return [FewPictures(), StaleStatistics(), RisingLoss(), AtChance()]
