"""The bare loop over small files, with a sync and a rename for each: `small_files_peer.py FOLDER TARGET`."""

import os
import sys

import w1_peer


def main(folder, target):
    os.makedirs(target)
    for name in sorted(os.listdir(folder)):
        stem = os.path.join(target, os.path.splitext(name)[0])
        w1_peer.main(os.path.join(folder, name), f"{stem}.part", os.path.join(target, "rejects"))
        with open(f"{stem}.part", "rb") as file:
            os.fsync(file.fileno())
        os.rename(f"{stem}.part", f"{stem}.jsonl")


if __name__ == "__main__":
    main(*sys.argv[1:])
