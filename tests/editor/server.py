"""A small client of the language server that editors use for YAML, over its stdin and stdout."""

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path

VERSION = "1.22.0"
"""What CI installs; a newer one may be tried by hand."""

INSTALL = f"npm install --prefix DIR yaml-language-server@{VERSION}; export YAML_LANGUAGE_SERVER=DIR/node_modules/.bin/yaml-language-server"
PATIENCE = 60


def command():
    """The server's program, or None where it is not installed."""
    return os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")


class Server:
    """One server and the documents that are open in it."""

    def __init__(self, program, folder):
        self.folder = Path(folder)
        self.process = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers = queue.Queue()
        self.diagnostics = {}
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()
        capabilities = {
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True},
        }
        root = self.folder.as_uri()
        self.ask("initialize", {"processId": os.getpid(), "rootUri": root, "capabilities": capabilities})
        self.tell("initialized", {})

    def stop(self):
        """End it, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def open(self, name, text):
        """Open a document, and give its address."""
        uri = (self.folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def at(self, method, uri, line, character):
        """What the server says of a place."""
        place = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": place})

    def problems(self, uri):
        """The diagnostics of a document, when they come."""
        return self.diagnostics.setdefault(uri, queue.Queue()).get(timeout=PATIENCE)

    def ask(self, method, params):
        """Send a request and wait for its answer."""
        self.count += 1
        self._send({"id": self.count, "method": method, "params": params})
        while (answer := self.answers.get(timeout=PATIENCE))["id"] != self.count:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def tell(self, method, params):
        """Send a notification."""
        self._send({"method": method, "params": params})

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _read(self):
        while head := self.process.stdout.readline():
            if head.lower().startswith(b"content-length:"):
                while self.process.stdout.readline().strip():
                    pass
                self._take(json.loads(self.process.stdout.read(int(head.split(b":")[1]))))

    def _take(self, message):
        if message.get("method") == "textDocument/publishDiagnostics":
            found = message["params"]
            self.diagnostics.setdefault(found["uri"], queue.Queue()).put(found["diagnostics"])
        elif message.get("method") == "workspace/configuration":
            self._send({"id": message["id"], "result": [self._setting(item) for item in message["params"]["items"]]})
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        elif "id" in message:
            self.answers.put(message)

    def _setting(self, item):
        """Validation and completion from the schema that the file names, and nothing from the network."""
        yaml = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        return yaml if item.get("section") == "yaml" else {}
