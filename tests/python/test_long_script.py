"""scripts/long.py and scripts/fuzz.py go on where they were, and count what they find."""

import os
import stat
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import fuzz  # noqa: E402
import long as long_script  # noqa: E402
import test as test_script  # noqa: E402


def program(path, body):
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_long_program_that_dies_is_a_failure_that_names_its_last_test(tmp_path, capsys):
    path = program(tmp_path / "p", "echo '[ RUN      ] F.exp'; echo 'exp f32 0.8 ulp at 1'; kill -SEGV $$\n")
    tally = test_script.Tally()
    long_script.run_functions(tally, path, 1, "*")
    assert tally.summary() == "0 passed, 1 failed, 0 skipped"
    out = capsys.readouterr().out
    assert "exp f32 0.8 ulp at 1\n" in out and "ended with -11 in [ RUN      ] F.exp" in out


def run_fuzz(tmp_path, monkeypatch, capsys, body, count=4500):
    """(exit code, what it printed, how often the fuzzer was started so far)"""
    program(tmp_path / "import_fuzz", f'echo x >> {tmp_path}/starts\n' + body)
    monkeypatch.setattr(fuzz, "models", lambda: [str(tmp_path / "import_fuzz")])
    monkeypatch.setattr(sys, "argv", ["fuzz.py", "--build", str(tmp_path), "--count", str(count), "--only", "import"])
    code = fuzz.main()
    return code, capsys.readouterr().out, len((tmp_path / "starts").read_text().split())


GOOD = 'echo "fuzz: $4 mutants, $(($4 * 3 / 5)) valid, 1 accepted, 0 failures"\n'


def test_fuzzing_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    assert run_fuzz(tmp_path, monkeypatch, capsys, GOOD) == (0, "fuzz: 4500 mutants, 60.0 % valid, 0 findings\n", 3)
    assert run_fuzz(tmp_path, monkeypatch, capsys, GOOD, 7000) == (
        0, "fuzz: 7000 mutants, 60.0 % valid, 0 findings\n", 5)  # the third unit is now a whole one
    other = GOOD + ": another program\n"
    assert run_fuzz(tmp_path, monkeypatch, capsys, other)[2] == 8


def test_what_fuzzing_finds_fails(tmp_path, monkeypatch, capsys):
    crash = f'if [ $2 = 1000004 ]; then kill -SEGV $$; fi\n{GOOD}'
    code, out, _ = run_fuzz(tmp_path, monkeypatch, capsys, crash)
    assert code == 1 and out.startswith("seed 1000004: ended with -11; its last mutant is in ")
    assert out.endswith("fuzz: 2500 mutants, 60.0 % valid, 1 findings\n")
    invalid = GOOD.replace("3 / 5", "2 / 5")
    assert run_fuzz(tmp_path, monkeypatch, capsys, invalid)[:2] == (1, "fuzz: 4500 mutants, 40.0 % valid, 0 findings\n")
