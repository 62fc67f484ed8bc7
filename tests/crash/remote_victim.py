"""The job of `victim.py` with its sinks, its report of rejects and its archive on a server, and that server's files."""

import importlib.util
import json
import os
import shutil
import sys
import time
from pathlib import Path

from botocore.config import Config
from botocore.session import Session

from engine.state.kv import KV


def beside(path):
    """A module of the tests, by its file."""
    name = path.stem
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


HERE = Path(__file__).parent
victim = beside(HERE / "victim.py")
s3_servers, sftp_servers = (beside(HERE.parent / f"storage/{name}.py") for name in ("servers", "sftp_servers"))

PARTS = """
source: {type: files, path: "in/*.{csv,csv.gz}"}
parser: {type: csv, trim: true}
mapping:
  fields:
    place:  {source: locationRef, required: true}
    ref:    {source: skuRef, required: true}
    qty:    {source: qty, resolver: int, min: 0, required: true}
    status: {source: status, resolver: upper, one_of: [ACTIVE, INACTIVE], required: true}
    kind:   {source: type, default: none}
sinks:
  - type: files
    connection: drop
    path: "out/{record.kind}/{unit.stem}-{unit.part}.csv.gz"
    roll: {records: 80}
  - {type: files, name: here, path: "out/inventory/{unit.stem}.csv", mapping: {fields: {ref: ref, place: place}}}
rejects: {connection: drop, path: "out/refused/{unit.stem}.csv"}
limits: {max_rejects: 20%}
"""
ARCHIVE = """
archive:
  connection: drop
  success: "done/{unit.name}"
  partial: "part/{unit.name}"
  error: "error/{unit.name}"
"""
QUICK = {"retry": {"attempts": 4, "backoff": "20ms..200ms"}, "timeout": "5s"}
LOOK = 0.05
"""Seconds between two looks of the reader at the server."""


class S3Place:
    """A bucket. The client is no part of the engine, and has no thread that a fork would lose."""

    def __init__(self, folder, server_class):
        self.server = server_class(folder).start()
        self.connection = {"type": "s3", **self.server.options, **QUICK}

    def client(self):
        """A new one, as nothing of it may be shared with a child."""
        said = self.server.options
        keys = {"aws_access_key_id": said["key"], "aws_secret_access_key": said["secret"]}
        config = Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=3
        )
        where = {"endpoint_url": said["endpoint"], "region_name": said["region"], "config": config}
        return Session().create_client("s3", **keys, **where)

    def keys(self, client):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.server.options["bucket"])
        return [each["Key"] for page in pages for each in page.get("Contents", ()) if each["Key"][-1] != "/"]

    def read(self, client, key):
        """An object, None where it is gone."""
        try:
            return client.get_object(Bucket=self.server.options["bucket"], Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None

    def left(self):
        """Uploads that are still open."""
        client = self.client()
        try:
            said = client.list_multipart_uploads(Bucket=self.server.options["bucket"])
        except client.exceptions.NoSuchUpload:  # which rclone says where nobody began one yet
            return []
        return [each["Key"] for each in said.get("Uploads", ())]

    def answer(self, folder, contents):
        """What a person does about units that are held, as nobody can tell an upload that was forgotten from an object
        that a reader took: any object at the key asks for the unit to be done again. Gives how many were asked for."""
        client, bucket, asked = self.client(), self.server.options["bucket"], 0
        with KV.open(str(folder / ".engine")) as kv:
            outputs = [each for _, entry in kv.list("stock", "intent/") for each in entry.value["outputs"]]
        for each in outputs:
            if "upload" in each and self.read(client, each["path"]) is None:
                client.put_object(Bucket=bucket, Key=each["path"], Body=contents[each["path"]][0])
                asked += 1
        return asked

    def empty(self):
        client, bucket = self.client(), self.server.options["bucket"]
        for key in self.keys(client):
            client.delete_object(Bucket=bucket, Key=key)


class SftpPlace:
    """The folder of a login, read behind the server's back."""

    def __init__(self, folder, server_class):
        self.server = server_class(folder).start()
        self.connection = {"type": "sftp", **self.server.options, **QUICK}

    def client(self):
        return Path(self.server.home)

    def keys(self, home):
        found = (os.path.join(top, name) for top, _, names in os.walk(home) for name in names)
        return [os.path.relpath(path, home) for path in found if ".part" not in path]

    def read(self, home, key):
        try:
            return (home / key).read_bytes()
        except FileNotFoundError:
            return None

    def left(self):
        """Stagings."""
        return [str(path) for path in self.client().rglob("*.part")]

    def empty(self):
        for path in self.client().iterdir():
            shutil.rmtree(path)


PLACES = {
    "weed": lambda folder: S3Place(folder, s3_servers.Weed),
    "rclone-s3": lambda folder: S3Place(folder, s3_servers.Rclone),
    "openssh": lambda folder: SftpPlace(folder, sftp_servers.OpenSsh),
}


def make(folder, place, *, archive):
    """The twelve files of `victim`, and their spec."""
    victim.make(folder, parts=True)
    connections = f"connections: {json.dumps({'drop': place.connection})}\n"
    (folder / "stock.yaml").write_text(connections + PARTS + (ARCHIVE if archive else ""))


def files(place):
    """Everything that readers of the server find."""
    client = place.client()
    return {key: place.read(client, key) for key in sorted(place.keys(client))}


def outcome(folder, place):
    """Everything that a run leaves, there and here."""
    assert place.left() == [], "a staging was left on the server"
    ledgers = folder / ".engine/stagings"
    assert not ledgers.exists() or list(ledgers.iterdir()) == [], "a note of a staging was left"
    found = victim.outcome(folder)
    for unit in found["units"].values():  # the time of a file that was archived there is another in each run
        unit["version"] = unit["version"].partition("-")[0]
    return {"there": files(place), **found}


class Watcher(victim.Watcher):
    """A reader of the server in a process of its own."""

    def __init__(self, folder, place, expected):
        """`expected`: the contents that each file may have, by its key."""
        self._place = place
        self._client = None
        super().__init__(folder, expected)

    def look(self, folder, expected):
        """What is there and is not whole; nothing while the server is away."""
        try:
            self._client = self._client or self._place.client()
            found = {key: self._place.read(self._client, key) for key in self._place.keys(self._client)}
        except Exception:  # noqa: BLE001 - the server was killed
            return []
        time.sleep(LOOK)
        return [
            [key, len(data)] for key, data in found.items() if data is not None and data not in expected.get(key, ())
        ]
