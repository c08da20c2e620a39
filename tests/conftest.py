import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images and weights, which are no part of the project."""
    folder = Path(os.environ.get("LIT_INVARIANCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images and weights at {folder}; LIT_INVARIANCE_DATA names their folder")
    return folder


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    """An empty working directory, for outputs are written relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
