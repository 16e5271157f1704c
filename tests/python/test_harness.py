"""Laws of the campaigns' own machinery: what counts as equal, that a crash or a hang costs one test, that the
test data is the pinned package's, whole."""

import os
import sys
import time
import unittest

import numpy as np

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
sys.path.insert(0, SCRIPTS)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import conformance  # noqa: E402
import lib_cases  # noqa: E402
import lib_compare  # noqa: E402
import lib_workers  # noqa: E402


def misbehave(item):
    """Runs in a worker of the tests below."""
    if item == "crash":
        os.abort()
    if item == "leave":
        os._exit(3)
    if item == "hang":
        while True:
            pass
    if item == "wait":
        time.sleep(600)
    if item == "raise":
        raise ValueError("no such thing")
    return item


class Compare(unittest.TestCase):
    def sort(self, got, want):
        found = lib_compare.compare(got, want, 1e-3, 1e-7)
        return found.sort if found else None

    def test_equal_within_the_tolerance_of_the_expected_value(self):
        self.assertIsNone(self.sort(np.float32([1.0009, -2]), np.float32([1, -2])))
        self.assertEqual(self.sort(np.float32([1.0011]), np.float32([1])), "value")
        self.assertIsNone(self.sort(np.float32([9e-8]), np.float32([0])))
        self.assertEqual(self.sort(np.float32([2e-7]), np.float32([0])), "value")

    def test_nan_and_infinities_match_themselves_only(self):
        special = np.float32([np.nan, np.inf, -np.inf])
        self.assertIsNone(self.sort(special, special))
        self.assertEqual(self.sort(-special, special), "value")
        self.assertEqual(self.sort(np.float32([3e38]), np.float32([np.inf])), "value")
        self.assertEqual(self.sort(np.float32([0]), np.float32([np.nan])), "value")

    def test_type_and_shape_count(self):
        self.assertEqual(self.sort(np.float64([1]), np.float32([1])), "dtype")
        self.assertEqual(self.sort(np.float32([[1]]), np.float32([1])), "shape")
        self.assertEqual(self.sort(np.float32(1), np.float32([1])), "shape")
        self.assertEqual(self.sort(np.array(["1"]), np.int64([1])), "dtype")

    def test_wide_integers_are_not_compared_as_floats(self):
        big = np.array([2**64 - 1], np.uint64)
        self.assertIsNone(self.sort(big, big))
        self.assertEqual(self.sort(np.array([0], np.uint64), big), "value")

    def test_strings_are_exact(self):
        want = np.array(["a", "é"], object)
        self.assertIsNone(self.sort(np.array(["a", "é"]), want))
        self.assertEqual(self.sort(np.array(["a", "e"], object), want), "value")

    def test_sequences_and_optionals(self):
        one = np.float32([1])
        self.assertIsNone(self.sort([one, one], [one, one]))
        self.assertEqual(self.sort([one], [one, one]), "count")
        self.assertEqual(self.sort(one, [one]), "kind")
        self.assertEqual(self.sort([one], one), "kind")
        self.assertIsNone(self.sort(None, None))
        self.assertEqual(self.sort(None, one), "kind")


class Workers(unittest.TestCase):
    def run_all(self, items, jobs, timeout=1.0):
        # The worker finds this module because the parent's sys.path travels with a spawned process.
        found = dict(lib_workers.run_all("test_harness:misbehave", items, jobs, timeout))
        return [(found[i].kind, found[i].value) for i in range(len(items))]

    def test_every_item_is_answered_whatever_its_worker_does(self):
        items = ["one", "crash", "two", "hang", "leave", "three", "raise", "four"]
        self.assertEqual(self.run_all(items, jobs=3),
                         [("ok", "one"), ("crash", "SIGABRT"), ("ok", "two"), ("hang", 1.0),
                          ("crash", "exit status 3"), ("ok", "three"),
                          ("raised", ("ValueError", "no such thing")), ("ok", "four")])
        self.assertEqual(self.run_all(["wait", "one"], jobs=1, timeout=0.3), [("hang", 0.3), ("ok", "one")])
        self.assertEqual(self.run_all(["crash", "one"], jobs=1), [("crash", "SIGABRT"), ("ok", "one")])


class Conformance(unittest.TestCase):
    def test_the_data_is_whole(self):
        self.assertEqual(len(lib_cases.all_cases()), 1914)

    def test_reference_evaluator_agrees_with_its_own_data(self):
        self.assertEqual(conformance.main(["--runtime", "reference", "--only", "node/test_relu", "--jobs", "1"]), 0)

    def test_reasons_do_not_depend_on_names_numbers_and_folders(self):
        def why(message):
            return conformance.reason(lib_workers.Outcome("raised", ("Error", message)))

        self.assertEqual(why('/a/b/model.onnx: node "Resize_41" (Resize): rank 5 is not supported'),
                         why('/c/model.onnx: node "x" (Resize): rank 3 is not supported'))
        self.assertNotEqual(why('node "a" (Resize): no'), why('node "a" (Pad): no'))


if __name__ == "__main__":
    unittest.main()
