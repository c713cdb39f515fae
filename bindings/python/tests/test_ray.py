"""The Ray example, where Ray is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")


def test_a_thousand_scripts(python_image):
    here = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, here / "examples" / "ray_map.py"],
        capture_output=True,
        text=True,
        timeout=400,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1000 scripts in")
    assert "script 3: ZeroDivisionError: division by zero" in ran.stdout
    assert "script 5: deadline" in ran.stdout
    assert "script 7: MemoryError" in ran.stdout
