#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""-r waits for who reads its output: nothing is dropped, however slow that is.

    slow_reader_test.py PXTRACE
"""
import importlib.machinery
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PXTRACE = sys.argv.pop(1) if len(sys.argv) > 1 else "pxtrace"
EXCHANGES = 30_000  # 20 MB of JSON: more than may wait in memory


def make_capture(path):
    source = pathlib.Path(__file__).resolve().parents[2] / "bench/captures"
    loader = importlib.machinery.SourceFileLoader("captures", str(source))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("captures", loader))
    loader.exec_module(module)
    module.make_small(path, EXCHANGES)


class SlowReader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, "small.pcap")
        make_capture(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_it(self, pause, *options):
        process = subprocess.Popen([PXTRACE, "-r", self.path, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(pause)
        out, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        self.assertNotIn(b"not written", errors)
        return out

    def test_json(self):
        self.assertEqual(self.run_it(2.5, "-j").count(b'"type":"message"'), EXCHANGES)

    def test_text(self):
        self.assertEqual(len(self.run_it(2.5, "-v").splitlines()) >= EXCHANGES, True)

    def test_file(self):
        out = os.path.join(self.folder.name, "out.json")
        self.run_it(0, "-j", "-o", out)
        with open(out, "rb") as file:
            self.assertEqual(file.read().count(b'"type":"message"'), EXCHANGES)

    def test_interrupted(self):
        process = subprocess.Popen([PXTRACE, "-jr", self.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        self.assertEqual(process.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 3)
        process.communicate()


if __name__ == "__main__":
    unittest.main()
