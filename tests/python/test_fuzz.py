"""A short seeded run of the fuzzers; the long one is `make fuzz`."""

import os
import subprocess
import sys

import pytest

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import fuzz  # noqa: E402

BUILD = os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build"))


def test_mutants_of_real_models_end_as_a_module_or_one_error(tmp_path):
    paths = fuzz.models()
    if not paths:
        pytest.skip("no models beside the tree or in the cache")
    run = subprocess.run([os.path.join(BUILD, "import_fuzz"), "--seed", "1", "--count", "3000", "--out", str(tmp_path), *paths],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


def test_mutants_of_graph_texts_end_as_a_module_or_one_error(tmp_path):
    run = subprocess.run([os.path.join(BUILD, "text_fuzz"), "--seed", "1", "--count", "3000", "--out", str(tmp_path),
                          *fuzz.texts(str(tmp_path / "texts"))], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         timeout=600)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
