"""A C2SP tlog-witness client that puts every case of the specification to a witness, and a small witness that logs can ask. Written from the pages of
C2SP and from verify.py beside it alone, sharing no code with the products. Exit status: 0 every case was answered as written, 1 one was not."""
import argparse, base64, hashlib, http.client, http.server, sys, time, urllib.parse  # noqa: E401
import verify
from verify import L, add, sha256, times, tree, usable
BASE = usable(b"\x58" + b"\x66" * 31)
def packed(point):
    x, y = (coordinate * pow(point[2], -1, verify.P) % verify.P for coordinate in point[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little")
class Key:
    """An Ed25519 key (RFC 8032) under the name with which it signs notes."""
    def __init__(self, name, seed, kind):
        digest = hashlib.sha512(seed.encode()).digest()
        self.name, self.kind, self.prefix = name, kind, digest[32:]
        self.scalar = int.from_bytes(digest[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
        self.public = packed(times(self.scalar, BASE))
        self.id = sha256(name.encode(), b"\n", bytes([kind]), self.public)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(bytes([kind]) + self.public).decode()}"
    def sign(self, message):
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % L
        point = packed(times(r, BASE))
        k = int.from_bytes(hashlib.sha512(point + self.public + message).digest(), "little") % L
        return point + ((r + k * self.scalar) % L).to_bytes(32, "little")
    def line(self, body, seconds=None):
        signed = self.sign(body) if seconds is None else seconds.to_bytes(8, "big") + self.sign(b"cosignature/v1\ntime %d\n" % seconds + body)
        return f"— {self.name} {base64.b64encode(self.id + signed).decode()}\n"
class Log:
    """A log of numbers; from entry `fork` on, another one."""
    def __init__(self, key, fork=None):
        self.key, self.leaves = key, [sha256(b"\0", f"{key.name} {n} {fork is not None and n >= fork}".encode()) for n in range(64)]
    def body(self, size, root=None): return f"{self.key.name}\n{size}\n{base64.b64encode(root or tree(self.leaves[:size])).decode()}\n".encode()
    def note(self, size, more="", root=None): return self.body(size, root).decode() + "\n" + self.key.line(self.body(size, root)) + more
    def proof(self, old, new): return path(self.leaves[:new], old, True) if 0 < old < new else []
    def request(self, old, new, proof=None, note=None):
        lines = "".join(base64.b64encode(node).decode() + "\n" for node in (self.proof(old, new) if proof is None else proof))
        return f"old {old}\n{lines}\n{note or self.note(new)}".encode()
def path(leaves, old, whole):  # RFC 6962 section 2.1.2
    if old == len(leaves): return [] if whole else [tree(leaves)]
    k = verify.half(len(leaves))
    if old <= k: return path(leaves[:k], old, whole) + [tree(leaves[k:])]
    return path(leaves[k:], old - k, False) + [tree(leaves[:k])]
class Witness:
    """The witness that is asked, over one connection that stays open."""
    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(self.url.netloc, timeout=20)
    def ask(self, method, path, body=None):
        self.connection.request(method, self.url.path + path, body)
        return self.answer()
    def announce(self, path, length):  # a body that is too long is refused before it is sent
        self.connection.putrequest("POST", self.url.path + path)
        self.connection.putheader("Content-Length", str(length))
        self.connection.endheaders()
        return self.answer()
    def answer(self):
        answer = self.connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
def check(url, vkey, seed):
    witness, failed = Witness(url), []
    name, _, material = vkey.split("+", 2)
    known = base64.b64decode(material)
    log_key, stranger = Key(f"example.com/{seed}", seed, 1), Key("example.com/unknown", seed + "?", 1)
    log, fork, other = Log(log_key), Log(log_key, 2), Key(log_key.name, seed + "!", 1)
    def expect(what, status, method="POST", path="/add-checkpoint", body=None, then=lambda kind, text: True):
        found, kind, text = witness.ask(method, path, body)
        if found != status or not then(kind, text): failed.append(f"{what}: {found} {kind} {text[:80]!r} instead of {status}")
    def cosigned(size):
        def judge(_, text):
            body, lines = log.body(size), verify.read_note((log.body(size) + b"\n" + text).decode())[3]
            mine = [line[4:] for signer, line in lines if signer == name and line[:4] == sha256(name.encode(), b"\n", known)[:4]]
            seconds = int.from_bytes(mine[0][:8], "big") if len(mine) == 1 == len(lines) else 0
            return abs(seconds - time.time()) < 60 and verify.genuine(known[1:], b"cosignature/v1\ntime %d\n" % seconds + body, mine[0][8:])
        return judge
    def size(expected): return lambda kind, text: kind == "text/x.tlog.size" and text == b"%d\n" % expected
    at = f"/{hashlib.sha256(log_key.name.encode()).hexdigest()}/checkpoint"
    expect("monitoring a log never cosigned", 404, "GET", at)
    expect("an unknown origin", 404, body=Log(stranger).request(0, 5))
    expect("an unknown origin, whatever else is wrong", 404, body=Log(stranger).request(7, 5, [b"1" * 32]))
    expect("signed by a key that is not trusted", 403, body=log.request(0, 5, note=log.body(5).decode() + "\n" + other.line(log.body(5))))
    flipped = log.note(5).replace("\n5\n", "\n6\n", 1)
    expect("a trusted key's line that does not verify", 403, body=log.request(0, 6, note=flipped))
    both = log.note(5, log_key.line(log.body(6)))
    expect("a good line and one that does not verify", 403, body=log.request(0, 5, note=both))
    expect("old above the size", 400, body=log.request(9, 5))
    good = log.request(0, 5)
    for what, body in {
        "nothing": b"", "no old line": good[6:], "a leading zero": good.replace(b"old 0", b"old 00"), "no number": good.replace(b"old 0", b"old x"),
        "negative": good.replace(b"old 0", b"old -1"), "no space": good.replace(b"old 0", b"old0"), "no empty line": good.replace(b"\n\n", b"\n", 1),
        "carriage returns": good.replace(b"\n", b"\r\n"), "a hash cut short": log.request(0, 5, [b"1" * 31]), "not UTF-8": good + b"\xff",
        "64 proof lines": log.request(0, 5, [b"1" * 32] * 64), "no base64": good.replace(b"old 0\n", b"old 0\n%%%\n"), "no note": b"old 0\n\nhello\n",
        "no signature lines": b"old 0\n\n" + log.body(5) + b"\n",
    }.items(): expect(f"malformed: {what}", 400, body=body)
    expect("an empty tree of another root", 422, body=log.request(0, 0, note=log.note(0, root=b"1" * 32)))
    expect("a proof from nothing", 422, body=log.request(0, 5, [b"1" * 32]))
    expect("63 proof lines are read", 422, body=log.request(0, 5, [b"1" * 32] * 63))
    expect("an old size before anything was cosigned", 409, body=log.request(3, 5), then=size(0))
    expect("still nothing", 404, "GET", at)
    expect("the empty tree", 200, body=log.request(0, 0, note=log.note(0, root=sha256())), then=cosigned(0))
    expect("the first checkpoint", 200, body=good, then=cosigned(5))
    expect("the first checkpoint again", 409, body=good, then=size(5))
    expect("the same size", 200, body=log.request(5, 5), then=cosigned(5))
    expect("the same size with a proof", 422, body=log.request(5, 5, [b"1" * 32]))
    expect("the same size, another root", 422, body=fork.request(5, 5))
    expect("another history", 422, body=fork.request(5, 9))
    expect("another history's proof", 422, body=log.request(5, 9, fork.proof(5, 9)))
    expect("no proof", 422, body=log.request(5, 9, []))
    expect("a hash too many", 422, body=log.request(5, 9, log.proof(5, 9) + [b"1" * 32]))
    expect("an old size that is too small", 409, body=log.request(4, 9), then=size(5))
    expect("an old size that is too large", 409, body=log.request(6, 9), then=size(5))
    expect("not signed comes before the size", 403, body=log.request(4, 9, note=log.body(9).decode() + "\n" + stranger.line(log.body(9))))
    more = stranger.line(log.body(9)) + Key("example.com/w", "w", 4).line(log.body(9), 7)
    expect("strangers' lines are ignored", 200, body=log.request(5, 9, note=log.note(9, more)), then=cosigned(9))
    for old, new in zip([9, 16, 17, 31, 32, 33, 63], [16, 17, 31, 32, 33, 63, 64]):
        expect(f"from {old} to {new}", 200, body=log.request(old, new), then=cosigned(new))
    expect("never back", 409, body=log.request(9, 16), then=size(64))
    def kept(_, text):
        body, origin, found, lines = verify.read_note(text.decode())
        ours = verify.lines_of(lines, origin, b"\x01", log_key.public)
        return body == log.body(64) and verify.genuine(log_key.public, body, ours[0]) and cosigned(64)(_, text.split(b"\n")[-2] + b"\n")
    expect("monitoring", 200, "GET", at, then=kept)
    if (found := witness.announce("/add-checkpoint", 2**20)[0]) != 413: failed.append(f"too long: {found} instead of 413")
    witness = Witness(url)
    expect("by another method", 405, "GET", "/add-checkpoint")
    for line in failed: print(line)
    print(f"{len(failed)} cases were not answered as written" if failed else "every case was answered as written")
    return 1 if failed else 0
class Asked(http.server.BaseHTTPRequestHandler):
    """A witness of one log, with its state in memory."""
    protocol_version, key, log, latest = "HTTP/1.1", None, None, (0, sha256())
    def log_message(self, *_): pass
    def answer(self, status, text, kind="text/plain"):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", len(text.encode()))): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())
    def do_POST(self):
        head, note = self.rfile.read(int(self.headers["Content-Length"])).decode().split("\n\n", 1)
        old, *proof = head.split("\n")
        old, proof = int(old.removeprefix("old ")), [base64.b64decode(line) for line in proof]
        (name, _, material), (body, origin, found, lines) = self.log.split("+", 2), verify.read_note(note)
        key, (size, root), (cosigned, before) = base64.b64decode(material)[1:], (found["size"], found["root"]), Asked.latest
        if origin != name: return self.answer(404, "")
        ours = verify.lines_of(lines, origin, b"\x01", key)
        if not ours or not all(verify.genuine(key, body, line) for line in ours): return self.answer(403, "")
        if old > size: return self.answer(400, "")
        if old != cosigned: return self.answer(409, f"{cosigned}\n", "text/x.tlog.size")
        try: verify.log_consistency(old, size, before, root, proof)
        except verify.Fault: return self.answer(422, "")
        Asked.latest = (size, root)
        return self.answer(200, self.key.line(body, int(time.time())))
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("log", "check", "serve"), help="the vkey of the log that `check` uses; every case; a witness of one log")
    parser.add_argument("--url", help="submission prefix of the witness")
    parser.add_argument("--vkey", help="of the witness that is checked, or of the log that is served")
    parser.add_argument("--seed", default="log", help="of the keys")
    chosen = parser.parse_args()
    if chosen.command == "check": return check(chosen.url, chosen.vkey, chosen.seed)
    if chosen.command == "log": return print(Key(f"example.com/{chosen.seed}", chosen.seed, 1).vkey)
    server = http.server.HTTPServer(("127.0.0.1", 0), Asked)
    Asked.key, Asked.log = Key("witness.example/w1", chosen.seed, 4), chosen.vkey
    print(f"{Asked.key.vkey}=http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
if __name__ == "__main__": sys.exit(main())
