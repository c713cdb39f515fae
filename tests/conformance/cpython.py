"""Runs test modules of CPython's own, and prints what came of each as JSON."""

import json
import os
import sys
import unittest

from test import support

# Nothing that takes long, or needs what a sandbox has not.
support.use_resources = []

# Some write files where they are.
os.chdir('/tmp')

for name in sys.argv[1:]:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromName('test.' + name).run(result)
    failed = {test.id(): text.strip().splitlines()[-1]
              for test, text in result.failures + result.errors}
    failed.update((test.id(), 'passed unexpectedly')
                  for test in result.unexpectedSuccesses)
    print(json.dumps({
        'name': name,
        'run': result.testsRun,
        'skipped': len(result.skipped),
        'failed': failed,
    }), flush=True)
