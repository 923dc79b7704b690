"""The contract that every data set keeps."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from l0gm_edge import data
from l0gm_edge.core import plugins
from l0gm_edge.core.errors import DataError

NAMES = plugins.names("l0gm_edge.data")
WITHOUT_A_DIGEST = ("adult", "avmnist", "digits")
"""The others' own tests hold what they load to a digest, which says more than loading twice."""


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_tells_what_it_is(name: str) -> None:
    one = data.plugin(name)
    assert one.SUMMARY
    assert "\n" not in one.SUMMARY
    assert callable(one.prepare)
    assert callable(one.load)
    assert bool(one.ORIGINALS) == bool(one.PREPARED)


@pytest.mark.parametrize("name", NAMES)
def test_originals_come_over_https_under_plain_names(name: str) -> None:
    originals = data.plugin(name).ORIGINALS
    for original in originals:
        assert urlsplit(original.url).scheme == "https"
        assert Path(original.file).name == original.file
        assert original.sha256 is None or len(original.sha256) == 64
    assert len({original.file for original in originals}) == len(originals)


@pytest.mark.parametrize("name", [name for name in NAMES if data.plugin(name).PREPARED])
def test_data_that_is_not_there_tells_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L0GM_EDGE_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        data.load(name)
    told = str(caught.value)
    assert all(part in told for part in (str(tmp_path), f"l0gm-edge data fetch {name}", "--data-dir", "L0GM_EDGE_DATA"))


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_is_documented(name: str, root: Path) -> None:
    assert f"| `{name}` |" in (root / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.data
@pytest.mark.parametrize("name", WITHOUT_A_DIGEST)
def test_loading_repeats(name: str, prepared_folder) -> None:
    folder = prepared_folder(name)
    first = data.load(name, folder)
    assert first.name == name
    assert first.sha256 == data.load(name, folder).sha256
