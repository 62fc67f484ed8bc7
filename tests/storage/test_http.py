"""The `http` connection: files by name, from a server that behaves as it is told."""

import datetime as dt
import errno
import hashlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.cli import main
from engine.errors import AccessError, OptionError, StoreError, TransientError
from engine.hidden import Secret
from engine.storage.http import Auth, Http
from engine.storage.retries import Backoff, Retry

FAST = Retry(attempts=3, backoff=Backoff(0.01, 0.02))
CANARY = "s3cr3t-canary"
DATA = b"0123456789" * 100_000


class Web(BaseHTTPRequestHandler):
    """Serves `server.files`; the flags of the server say what it does not do, `cuts` where it breaks off, once each."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.serve(head=True)

    def do_GET(self):
        self.serve(head=False)

    def serve(self, *, head):
        server = self.server
        server.seen.append((self.command, self.path, dict(self.headers)))
        if self.path in server.redirects:
            self.reply(302, b"", {"Location": server.redirects[self.path]}, head=head)
        elif server.status:
            self.reply(server.status, b"no", {"Retry-After": "0"}, head=head)
        elif head and server.no_head:
            self.reply(405, b"", {}, head=head)
        elif self.path not in server.files:
            self.reply(404, b"none", {}, head=head)
        else:
            self.file(server.files[self.path], head=head)

    def file(self, data, *, head):
        server = self.server
        told = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:8]}"'} if server.marks else {}
        wanted, start, end, status = self.headers.get("Range"), 0, len(data), 200
        fresh = self.headers.get("If-Range", told.get("ETag")) == told.get("ETag")
        if wanted and server.ranges and fresh:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), int(last) + 1 if last else len(data), 206
            told["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        self.reply(status, data[start:end], {**told, **server.more}, head=head)

    def reply(self, status, body, headers, *, head):
        server = self.server
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if server.lengths:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if not head:
            cut = server.cuts.pop(0) if server.cuts and status < 300 else None
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

    def log_message(self, *words):
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that go away are part of the tests."""


def serving(context=None):
    server = Quiet(("127.0.0.1", 0), Web)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.files, server.redirects, server.seen, server.cuts, server.more = {"/feeds/a.csv": DATA}, {}, [], [], {}
    server.ranges = server.marks = server.lengths = True
    server.no_head, server.status = False, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def web():
    server = serving()
    yield server
    server.shutdown()
    server.server_close()


def store_of(web, **options):
    return Http(url=f"{web.url}/feeds", retry=FAST, timeout=5, **options).store("")


def read(store, path="a.csv", stat=None):
    with store.open(path, stat) as file:
        pieces = []
        while data := file.read(100_000):
            pieces.append(data)
    return b"".join(pieces)


def refusal(call):
    with pytest.raises(StoreError) as raised:
        call()
    return raised.value


# --- reading


def test_a_file_by_its_name(web):
    store = store_of(web)
    stat = store.stat("a.csv")
    assert (stat.size, stat.etag) == (len(DATA), f'"{hashlib.sha256(DATA).hexdigest()[:8]}"')
    assert list(store.glob("a.csv")) == list(store.glob("./{a,none}.csv", ["b*"])) == [stat]
    assert list(store.glob("a.csv", ["*.csv"])) == []
    assert read(store, stat=stat) == DATA
    assert store.exists("a.csv")
    assert not store.exists("none.csv")
    assert refusal(lambda: store.open("none.csv")).code == "C101"
    with store.open("a.csv") as file:
        assert file.seek(999_995) == 999_995
        assert file.read() == b"56789"
        assert file.seek(3) == 3
        assert file.read(4) == b"3456"
        assert file.tell() == 7


@pytest.mark.parametrize("name", ["with blank.csv", "h#sh?x=1&y.csv", "50%.csv", "é/日本.csv"])
def test_odd_names(web, name):
    from urllib.parse import quote

    web.files[f"/feeds/{quote(name)}"] = b"odd"
    assert read(store_of(web), name) == b"odd"


def test_a_server_without_head_or_ranges_or_lengths(web):
    web.no_head = True
    assert store_of(web).stat("a.csv").size == len(DATA)
    web.ranges = False
    assert store_of(web).stat("a.csv").size == len(DATA)
    assert read(store_of(web)) == DATA
    web.no_head, web.lengths = False, False
    assert store_of(web).stat("a.csv").size == -1
    assert read(store_of(web)) == DATA


@pytest.mark.parametrize("ranges", [True, False])
def test_connections_that_break(web, ranges):
    web.ranges, web.cuts = ranges, [250_000, 0, 300_000 if ranges else 700_000]
    assert read(store_of(web)) == DATA
    assert web.cuts == []


def test_a_break_in_a_file_without_marks(web):
    web.marks, web.cuts = False, [250_000]
    error = refusal(lambda: read(store_of(web)))
    assert error.message == (
        f"`{web.url}/feeds/a.csv` is refused by its server: "
        "the connection broke, and it names no version that could be gone on with"
    )


def test_a_file_that_is_replaced(web):
    store = store_of(web)
    stat = store.stat("a.csv")
    web.cuts = [250_000]
    with store.open("a.csv", stat) as file:
        file.read(1000)
        web.files["/feeds/a.csv"] = b"new" * 400_000
        with pytest.raises(OSError, match="Stale") as raised:
            file.read()
    assert raised.value.errno == errno.ESTALE
    assert store.stat("a.csv").version != stat.version


def test_bytes_that_nobody_asked_to_be_packed(web):
    web.more = {"Content-Encoding": "gzip"}
    assert refusal(lambda: read(store_of(web))).message == (
        f"`{web.url}/feeds/a.csv` is refused by its server: "
        "it packs what it sends (`content-encoding: gzip`) though nobody asked it to"
    )


# --- who asks


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "basic", "username": "me", "password": Secret("pw")}, "Authorization", "Basic bWU6cHc="),
        ({"type": "bearer", "token": Secret("tok")}, "Authorization", "Bearer tok"),
        ({"type": "api_key", "key": "k"}, "X-API-Key", "k"),
        ({"type": "api_key", "key": "k", "header": "X-Token"}, "X-Token", "k"),
    ],
)
def test_credentials(web, auth, header, value):
    store = store_of(web, auth=Auth(**auth), headers={"X-Tenant": "acme"})
    assert read(store) == DATA
    assert all(headers.get(header) == value and headers["X-Tenant"] == "acme" for _, _, headers in web.seen)
    assert "tok" not in repr(store.site)


def test_redirects(web):
    other = serving()
    web.redirects = {
        "/feeds/a.csv": "/feeds/b.csv",
        "/feeds/c.csv": f"{other.url}/feeds/a.csv".replace("127.0.0.1", "localhost"),
    }
    web.files = {"/feeds/b.csv": b"moved"}
    store = store_of(web, auth=Auth(type="bearer", token=Secret(CANARY)))
    assert read(store) == b"moved"
    assert str(refusal(lambda: read(store, "c.csv"))) == (
        f"error[C213]: `{web.url}/feeds/c.csv` answers with a redirect to `localhost`, which `allow_hosts` does not name\n"
        "   = help: where you trust it, write `allow_hosts: [localhost]`"
    )
    trusting = store_of(
        web, auth=Auth(type="bearer", token=Secret(CANARY)), allow_hosts=("localhost",), headers={"X-Key": CANARY}
    )
    assert read(trusting, "c.csv") == DATA
    assert other.seen
    assert CANARY not in str(other.seen)
    web.redirects["/feeds/a.csv"] = "/feeds/a.csv"
    assert (
        refusal(lambda: read(store)).message
        == f"`{web.url}/feeds/a.csv` is refused by its server: more than 10 redirects"
    )
    other.shutdown()
    other.server_close()


ANSWERS = [
    (401, "A101", 7, "`{url}/feeds` refuses the credentials: 401"),
    (403, "C102", 6, "`{url}/feeds/a.csv` may not be read or written by this user"),
    (429, "C205", 6, "`{url}/feeds` cannot do it now: 429, 3 times in a row"),
    (503, "C205", 6, "`{url}/feeds` cannot do it now: 503, 3 times in a row"),
    (418, "C208", 6, "`{url}/feeds/a.csv` is refused by its server: status 418"),
]


@pytest.mark.parametrize(("status", "code", "exit_code", "message"), ANSWERS)
def test_answers_that_refuse(web, status, code, exit_code, message):
    web.status = status
    error = refusal(lambda: store_of(web, auth=Auth(type="bearer", token=Secret(CANARY))).stat("a.csv"))
    assert (error.code, error.exit_code, error.message) == (code, exit_code, message.format(url=web.url))
    assert CANARY not in f"{error!r} {error}"


def test_a_server_that_is_not_there():
    error = refusal(lambda: Http(url="http://127.0.0.1:1", retry=FAST).store("").stat("a"))
    assert isinstance(error, TransientError)
    assert error.message == "`http://127.0.0.1:1` cannot be reached: Connection refused, 3 times in a row"


def certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def test_certificates(tmp_path):
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = serving(context)
    url = f"https://localhost:{server.server_port}"
    error = refusal(lambda: Http(url=f"{url}/feeds", retry=FAST).store("").stat("a.csv"))
    assert isinstance(error, AccessError)
    assert str(error) == (
        f"error[A114]: the certificate of `{url}/feeds` is not trusted: self-signed certificate\n"
        "   = help: trust its authority with `ca_file`, or mend the certificate; verification cannot be turned off"
    )
    trusting = Http(url=f"{url}/feeds", retry=FAST, ca_file="cert.pem").store(str(tmp_path))
    assert read(trusting) == DATA
    missing = Http(url=f"{url}/feeds", retry=FAST, ca_file="none.pem").store(str(tmp_path))
    assert refusal(lambda: missing.stat("a.csv")).message == f"`{tmp_path}/none.pem` is not there"
    server.shutdown()
    server.server_close()


# --- what it does not do


def test_it_only_reads_by_name(web):
    store = store_of(web)
    lists = refusal(lambda: list(store.glob("*.csv")))
    assert str(lists) == (
        f"error[C212]: `{web.url}/feeds` cannot be searched for `*.csv`: a web server lists no files\n"
        "   = help: name each file: `path: '{a,b}.csv'`"
    )
    writes = refusal(lambda: store.staging("out", "x"))
    assert str(writes) == (
        f"error[C212]: `{web.url}/feeds/out` cannot be written, moved or removed: an `http` connection only reads\n"
        "   = help: use another connection for sinks and archives"
    )
    for refused in (
        lambda: store.make("a"), lambda: store.move("a", "b"), lambda: store.rename("a", "b"), lambda: store.remove("a"),
        lambda: store.publish({"path": "a"}), lambda: store.stat("../a"), lambda: store.stat("/a"),
    ):  # fmt: skip
        assert refusal(refused).code == "C212"


REFUSED = [
    ({"url": "ftp://x"}, "S337", "`ftp://x` is not the URL of a folder"),
    ({"url": f"https://me:{CANARY}@x"}, "S337", "`https://***@x` is not the URL of a folder"),
    ({"url": "https://x/a?b"}, "S337", "`https://x/a?b` is not the URL of a folder"),
]


@pytest.mark.parametrize(("options", "code", "message"), REFUSED)
def test_options_that_are_refused(options, code, message):
    with pytest.raises(OptionError) as raised:
        Http(**options)
    assert (raised.value.code, raised.value.message) == (code, message)
    with pytest.raises(OptionError) as raised:
        Auth(type="basic", username="me")
    assert (raised.value.code, raised.value.message) == ("S202", "`auth` of type `basic` needs `password`")


SPEC = """\
connections:
  web: {{type: http, url: '{url}/feeds', auth: {{type: bearer, token: '${{env:WEB_TOKEN}}'}}}}
source: {{type: files, connection: web, path: a.csv}}
sink: {{type: files, path: 'out/{{unit.stem}}.jsonl'}}
"""


def test_a_run(web, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB_TOKEN", CANARY)
    web.files["/feeds/a.csv"] = b"id\n1\n2\n"
    Path("spec.yaml").write_text(SPEC.format(url=web.url))
    assert main(["run", "spec.yaml"]) == 0, capsys.readouterr().err
    assert Path("out/a.jsonl").read_bytes() == b'{"id":"1"}\n{"id":"2"}\n'
    assert main(["show", "spec.yaml"]) == 0
    everything = "".join(path.read_bytes().decode("latin-1") for path in Path().rglob("*") if path.is_file())
    said = capsys.readouterr()
    assert CANARY not in everything + said.out + said.err
    assert web.seen[0][2]["Authorization"] == f"Bearer {CANARY}"


def test_check_refuses_what_cannot_be_done(web, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB_TOKEN", CANARY)
    spec = (
        SPEC.format(url=web.url)
        .replace("path: a.csv", "path: '*.csv'")
        .replace("sink: {type: files", "sink: {type: files, connection: web")
    )
    Path("spec.yaml").write_text(spec + "archive: {success: 'done/{unit.name}'}\n")
    assert main(["check", "spec.yaml"]) == 3
    said = capsys.readouterr().err
    assert said.count("error[C212]") == 3
    assert "the connection `web` lists no files: only their names find them" in said
    assert said.count("nothing can be written or moved behind the connection `web`") == 2
