import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lit_invariance.data.batch import Batch, Positioned, collate


class Ragged:
    paths = boxes = None
    about = "seven images"

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.full((index + 2, 3, 3), 10 * index, dtype=torch.uint8)
        image[0, 1, 2] = 255
        return image.permute(1, 0, 2), index % 3  # memory as decoding leaves it, not contiguous


def test_batch_keeps_images_labels_and_positions() -> None:
    batches = list(DataLoader(Positioned(Ragged()), batch_size=3, collate_fn=collate))
    assert all(isinstance(batch, Batch) for batch in batches)
    images = [image for batch in batches for image in batch.images]
    assert all((image == Ragged()[index][0]).all() for index, image in enumerate(images))
    assert torch.cat([batch.labels for batch in batches]).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert torch.cat([batch.indices for batch in batches]).tolist() == list(range(7))
    assert batches[0].labels.dtype == batches[0].indices.dtype == torch.int64


def test_a_choice_keeps_positions_in_the_whole_set() -> None:
    (batch,) = DataLoader(Positioned(Ragged(), [1, 5]), batch_size=3, collate_fn=collate)
    assert batch.indices.tolist() == [1, 5]
    assert (batch.images[1] == Ragged()[5][0]).all()


def test_images_of_a_worker_share_one_block_of_memory() -> None:
    (batch,) = DataLoader(Positioned(Ragged()), batch_size=7, collate_fn=collate, num_workers=1)
    assert len({image.untyped_storage().data_ptr() for image in batch.images}) == 1
    assert all((image == Ragged()[index][0]).all() for index, image in enumerate(batch.images))


def test_names_and_boxes_of_positions() -> None:
    source = Ragged()
    assert (Positioned(source).name(3), Positioned(source).box(3)) == ("image 3", None)
    source.paths = ["a", "b\udce9"]
    source.boxes = {1: (0, 1, 2, 3)}
    assert (Positioned(source).name(1), Positioned(source).box(1)) == ("image 1 (b\\xe9)", (0, 1, 2, 3))
