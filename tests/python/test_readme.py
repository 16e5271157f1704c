"""The README's example is run, and prints what the README says."""

import contextlib
import io
import os
import re

README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")


def test_the_example_prints_what_the_readme_says():
    with open(README, encoding="utf-8") as f:
        text = f.read()
    code = re.search(r"^```python\n(.*?)^```", text, re.M | re.S).group(1)
    wanted = re.search(r"^```text\n(.*?)^```", text, re.M | re.S).group(1)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, README, "exec"), {})
    assert out.getvalue() == wanted
