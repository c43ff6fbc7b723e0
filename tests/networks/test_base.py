"""What all networks have from their base."""

from dataclasses import dataclass
from typing import Literal

import pytest

from stvsr.errors import SettingsError
from stvsr.networks.base import check_choices


@dataclass(frozen=True)
class Config:
    colour: Literal["red", "green"] = "red"
    width: int = 3


def test_a_choice_that_there_is_not_is_said_with_those_that_there_are():
    check_choices(Config("green", width=4))
    with pytest.raises(SettingsError, match=r"colour cannot be 'blue'\. Choose one of: 'red', 'green'"):
        check_choices(Config("blue"))  # pyright: ignore[reportArgumentType]
