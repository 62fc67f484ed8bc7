"""Every benchmark, one after the other; options go to `w1`."""

import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))

for name in ("startup", "w1", "w2", "w3", "parquet_rows", "small_files", "remote"):
    options = sys.argv[1:] if name == "w1" else []
    subprocess.run([sys.executable, os.path.join(FOLDER, f"{name}.py"), *options], check=True)
