"""pytest finds the plugin by itself once fasm is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, entry_points, version

import pytest

from fasm import pytest_plugin


def test_the_plugin_is_an_entry_point() -> None:
    try:
        version("fasm-py")
    except PackageNotFoundError:
        pytest.skip("fasm is run from its sources")
    (entry,) = entry_points(group="pytest11", name="fasm")
    assert entry.load() is pytest_plugin
