"""Modules that are imported late: not before they are used, and then as if they had been imported."""

import subprocess
import sys
from types import ModuleType

import pytest

from dragoman.late import late

PROGRAM = """
import sys
from dragoman.late import late
colours = late("colorsys")
print("colorsys" in sys.modules, colours.rgb_to_hls(0, 0, 0), "colorsys" in sys.modules)
"""


def test_a_late_module_is_imported_by_its_first_use_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["False", "(0.0, 0.0, 0.0) True\n"]


def test_what_can_be_called_is_kept_and_what_a_program_may_set_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("settings_of_a_program")
    module.__dict__.update(level=1, say=print)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings = late(module.__name__)
    assert settings.say is print and settings.level == 1
    module.__dict__["level"] = 2
    assert settings.level == 2
    assert vars(settings)["say"] is print and "level" not in vars(settings)


def test_a_module_that_is_not_there_is_named_by_its_first_use() -> None:
    nothing = late("dragoman_has_no_such_module")
    with pytest.raises(ModuleNotFoundError, match="dragoman_has_no_such_module"):
        nothing.anything
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        late("colorsys").nothing
