"""Every lesson is a program that prints what the lesson says."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts"))
import lessons  # noqa: E402

BUILD = os.environ.get("TAUTO_BUILD", os.path.join(lessons.ROOT, "build"))


@pytest.mark.parametrize("path", lessons.lessons(), ids=os.path.basename)
def test_lesson_prints_what_it_says(path):
    if lessons.is_missing_data(path):
        pytest.skip("the data beside the tree are missing (TAUTO_SHARED)")
    assert lessons.check(path, BUILD) == ""
