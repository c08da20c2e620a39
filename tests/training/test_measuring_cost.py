import logging

import pytest

from tests.training.test_classifier import trained


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        # 20 views, beside 40 training images that count three passes each and the standard view of the others.
        ({}, "invariance: crop on 10 of 30 validation images, 2 views each: about 12% of an epoch's computation"),
        ({"limit_val_batches": 2}, "invariance: crop on 10 of 14 validation images, 2 views each: about 13%"),
        ({"limit_train_batches": 2}, "about 20% of an epoch's computation"),  # 20 of 3 x 16 + 30 + 20
        ({"limit_val_batches": 0}, None),
        ({"images": 0}, None),
    ],
)
def test_the_share_of_the_views(limits, said, caplog):
    images = {"invariance_images": limits.get("images", 10)}
    with caplog.at_level(logging.INFO):
        trained({"max_steps": 1} | {name: limit for name, limit in limits.items() if name != "images"}, **images)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("invariance:")]
    assert len(told) == (said is not None)
    assert said is None or said in told[0]
