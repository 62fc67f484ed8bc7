"""A bare copy from a server and back to it, by the library's own calls, a block at a time."""

import json
import sys

BLOCK = 8 * 2**20


def over_s3(said, path, target):
    """One open object to another, as s3fs reads and writes them: blocks read ahead, parts of an upload."""
    from s3fs import S3FileSystem

    keys = {"key": said["key"], "secret": said["secret"], "endpoint_url": said["endpoint"]}
    fs = S3FileSystem(**keys, config_kwargs={"s3": {"addressing_style": "path"}})
    bucket = said["bucket"]
    with (
        fs.open(f"{bucket}/{path}", "rb", block_size=BLOCK) as source,
        fs.open(f"{bucket}/{target}", "wb", block_size=BLOCK) as sink,
    ):
        while data := source.read(BLOCK):
            sink.write(data)


def over_sftp(said, path, target):
    """To a temporary file and back, as asyncssh's `get` and `put` do it: 128 requests in flight."""
    import asyncio
    import os
    import tempfile

    import asyncssh

    async def copy():
        words = {"known_hosts": said["known_hosts"], "client_keys": [said["key_file"]], "username": said["user"]}
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            async with (
                asyncssh.connect(said["host"], said["port"], config=None, **words) as connection,
                connection.start_sftp_client() as client,
            ):
                await client.get(path, f"{folder}/file")
                await client.put(f"{folder}/file", target)

    asyncio.run(copy())


if __name__ == "__main__":
    connection = json.loads(sys.argv[1])
    {"s3": over_s3, "sftp": over_sftp}[connection["type"]](connection, *sys.argv[2:])
