#!/usr/bin/env python3
"""Writes tests/corpus/onnx: tiny ONNX files as seeds for fuzzing and as must-pass, must-fail tests.

valid/ must load; hostile/ must end in one error each, and the file's name says why. Needs numpy and
onnx; run it again after a change here and commit what it wrote.
"""

import shutil
from pathlib import Path

from corpus_hostile import hostile_files
from corpus_valid import valid_files

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "corpus" / "onnx"
LIMIT = 16 << 10  # bytes a file may have: small seeds keep fuzzing fast


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        if len(content) > LIMIT:
            raise SystemExit(f"{name}: {len(content)} bytes, the limit is {LIMIT}")
        (folder / name).write_bytes(content)
    print(f"{folder.name}: {len(files)} files, {sum(map(len, files.values())):,} bytes")


def main():
    write(FOLDER / "valid", valid_files())
    write(FOLDER / "hostile", hostile_files())


if __name__ == "__main__":
    main()
