"""Data set `webdataset`: shards, tar files of pictures with their labels."""

import os
from functools import partial
from pathlib import Path

from tqdm import tqdm  # type: ignore[import-untyped]

from lit_invariance.data.class_folders import class_folders
from lit_invariance.data.class_order import ClassMap, label_order
from lit_invariance.data.listed_pictures import Part, Parts
from lit_invariance.data.parts import ROLES, WORD
from lit_invariance.data.source import Splits
from lit_invariance.data.tar_index import Member, index_tar
from lit_invariance.errors import UserError
from lit_invariance.extras import optional
from lit_invariance.names import printable

PROGRESS_AFTER = 3.0  # seconds


def load_shards(
    root: str | None,
    val_root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    class_map: ClassMap | None = None,
    outputs: int | None = None,
) -> Splits:
    """Open the pictures of WebDataset shards.

    Args:
        root: A folder of tar files, or of folders of them, whose names say which part they are, such as
            `train-000000.tar` or `val/000000.tar`; or files by a pattern, as `DIR/train-{000000..000012}.tar`.
        val_root: The same with the validation images, if they are elsewhere.
        val_fraction: Share of the images for validation if no part is for it.
        seed: Names that share.
        class_map: Label to output.
        outputs: Number of outputs of the model, where it is known.

    Returns:
        The two splits. Every sample has its position, so that validation shows each one once.

    Raises:
        UserError: If webdataset is not installed, there are no shards, their part cannot be told, or one is malformed.
    """
    optional("webdataset", "webdataset", "the data set webdataset")
    if root is None:
        raise UserError("webdataset needs the folder or the pattern of the shards; set --data.root.")
    parts = _indexed(root)
    if val_root is not None:
        parts = parts.validated_on(_indexed(val_root))
    return parts.splits(partial(label_order, wanted=outputs, class_map=class_map), val_fraction, seed)


def _indexed(root: str) -> Parts:
    shards = _find_shards(root)
    total, parts = sum(map(len, shards.values())), {}
    with tqdm(total=total, desc="reading shards", delay=PROGRESS_AFTER, leave=False, disable=None) as bar:
        for role, paths in shards.items():
            samples = []
            for path in paths:
                samples += index_tar(path)
                bar.update()
            shown = printable(root) if role == "all" else f"{printable(root)} ({role})"
            parts[role] = Part(samples, f"{len(paths)} shard{'s' * (len(paths) > 1)} of {shown}")
    return Parts(parts, Member.read, run_of=_shard)


def _shard(member: Member) -> str:
    return member.shard


def _find_shards(root: str) -> dict[str, list[str]]:
    """Role of a part to its shards."""
    if "://" in root or root.startswith("pipe:"):
        raise UserError(f"the shards {printable(root)} are not on this machine; copy them, and name their folder.")
    folder = Path(root)
    if not folder.is_dir():
        return {"all": _expanded(root)}
    loose = [str(path) for path in sorted(folder.glob("*.tar"))]
    if loose:
        return _by_role({path: Path(path).stem for path in loose})
    below = [(name, path) for name in class_folders(folder) for path in sorted((folder / name).glob("*.tar"))]
    if not below:
        raise UserError(f"the folder {printable(folder)} holds no shard (*.tar); check --data.root.")
    return _by_role({str(path): name for name, path in below})


def _expanded(pattern: str) -> list[str]:
    from webdataset.shardlists import expand_urls

    try:
        paths = [str(path) for path in expand_urls(pattern)]
    except ValueError as error:
        raise UserError(f"the pattern {printable(pattern)} cannot be read ({error}); check --data.root.") from error
    for path in paths:
        if not os.path.isfile(path):
            raise UserError(f"there is no shard {printable(path)}; check --data.root.")
    return paths


def _by_role(names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, name in names.items():
        roles = {ROLES[word] for word in map(str.lower, WORD.findall(name)) if word in ROLES}
        found.setdefault(roles.pop() if len(roles) == 1 else "all", []).append(path)
    if "all" in found and len(found) > 1:
        raise UserError(
            f"the name of the shard {printable(found['all'][0])} does not say which part it is of, as those of others "
            "do; name it train-..., val-... or test-..., or name its files with --data.root."
        )
    return found
