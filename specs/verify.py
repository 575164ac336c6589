"""Verifies bundles and proofs of equivocation offline and runs the test vectors; written from the pages beside it alone, sharing no code with the products.
Exit status: 0 accepted or all passed, 1 refused or a case failed, 2 wrong usage. AES-GCM (`open`, `unwrap`) needs package cryptography."""
import argparse, base64, collections, functools, hashlib, hmac, io, json, pathlib, re, struct, sys  # noqa: E401
class Fault(Exception): """A refusal; its arguments are the fault's name in the pages, and of an entry of the order log what is wrong with it."""
def need(good, fault):
    if not good: raise Fault(fault)
    return True
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def distinct(values): return len(set(values)) == len(values)
def labelled(label, *parts): return sha256(b"suyuan/1 ", label, b"\n", *parts)
# ==== cbor.md. An item is read loosely; that its only allowed encoding gives back the same bytes proves heads, lengths and null. ========
def encode(item):
    if item is None: return b"\xf6"
    major = (int, None, bytes, str, list).index(type(item))
    content = b"".join(map(encode, item)) if major == 4 else item.encode() if major == 3 else item if major == 2 else b""
    n = item if major == 0 else len(item) if major == 4 else len(content)
    power = next(power for power in range(4) if n < 1 << (8 << power))
    return (bytes([major << 5 | n]) if n < 24 else bytes([major << 5 | 24 + power]) + n.to_bytes(1 << power, "big")) + content
def item_from(stream, depth=1):
    major, n = divmod(stream.read(1)[0], 32)
    if n > 23: n = int.from_bytes(stream.read(1 << n - 24), "big")
    need(major in (0, 2, 3, 4, 7) and n < 2**53 and (major != 4 or n <= 65536 and depth <= 16), "cbor")
    if major == 4: return [item_from(stream, depth + 1) for _ in range(n)]
    return n if major == 0 else stream.read(n) if major == 2 else stream.read(n).decode() if major == 3 else None
def decode(data, padded=False):
    try: item = item_from(io.BytesIO(data))
    except (IndexError, UnicodeDecodeError): raise Fault("cbor") from None
    size = len(encode(item))
    return need(encode(item) == data[:size] and (padded or size == len(data)), "cbor") and item
def structure(data, form, place=0):  # an item whose element at `place` is the suite
    item = decode(data)
    need(type(item) is list and len(item) > place and type(item[place]) is int, "form")
    return need(item[place] == 1, "suite") and need(form(item), "form") and item
def cbor_check(bytes): return {"item": decode(bytes)}
def uint(low=0, high=2**53 - 1): return lambda v: type(v) is int and low <= v <= high
def bstr(size=None, high=2**26): return lambda v: type(v) is bytes and size in (None, len(v)) and len(v) <= high
def tstr(low=0, high=2**26, bad="(?!)"): return lambda v: type(v) is str and low <= len(v.encode()) <= high and not re.search(bad, v)
def match(pattern): return lambda v: type(v) is str and re.fullmatch(pattern, v) is not None
def many(form, low=0, high=65536): return lambda v: type(v) is list and low <= len(v) <= high and all(map(form, v))
def row(*forms): return lambda v: type(v) is list and len(v) == len(forms) and all(form(x) for form, x in zip(forms, v))
def either(*forms): return lambda v: any(form(v) for form in forms)
SUITE, ID, NULL, TYPE = uint(1, 1), bstr(32), lambda v: v is None, match("[a-z0-9][a-z0-9.-]{0,62}")
# ==== key.md: Ed25519 of RFC 8032, strict and without cofactor, in extended coordinates. ================================================
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, IDENTITY = -121665 * pow(121666, -1, P) % P, (0, 1, 1, 0)
def is_identity(p): return p[0] == 0 and p[1] == p[2]
def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * D * p[3] * q[3], 2 * p[2] * q[2]
    e, f, g, h = b - a, (d - c) % P, (d + c) % P, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(n, p): return add(times(n // 2, add(p, p)), p if n % 2 else IDENTITY) if n else IDENTITY
@functools.lru_cache(maxsize=None)
def usable(key):  # the key's point, or None where no signature may be judged by it
    y, sign = int.from_bytes(key, "little") % 2**255, key[-1:] > b"\x7f"
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if len(key) != 32 or y >= P or x * x % P != square or (x == 0 and (sign or y == 1)): return None
    x = x if x % 2 == sign else P - x
    return (x, y, 1, x * y % P) if is_identity(times(L, (x, y, 1, x * y % P))) else None
@functools.lru_cache(maxsize=8192)
def genuine(key, message, signature):  # R is compared with the bytes of the point that it must be, and is so never decoded
    point, r, s = usable(key), signature[:32], int.from_bytes(signature[32:], "little")
    if not point or len(signature) != 64 or s >= L: return False
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    expected = add(times(s, usable(b"\x58" + b"\x66" * 31)), times(L - k, point))
    x, y = (coordinate * pow(expected[2], -1, P) % P for coordinate in expected[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little") == r and not is_identity(times(8, expected))
def small_order(key):  # of an X25519 key: three doublings on the Montgomery line (RFC 7748) end at infinity
    x, z = int.from_bytes(key, "little") % 2**255, 1
    for _ in range(3): x, z = (x * x - z * z)**2 % P, 4 * x * z * (x * x + 486662 * x * z + z * z) % P
    return z == 0
def key_id(key): return need(len(key) == 32, "key") and {"id": labelled(b"key", key)[:16]}
def key_verify(key, message, signature): return need(usable(key), "key") and need(genuine(key, message, signature), "signature")
# ==== charter.md ========================================================================================================================
LINES = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
LINE, ROLE = LINES[:-1] + "\n]", match("leader|upstream|midstream|downstream|support|regulator")
ENTRY = row(tstr(1, 128, LINE), ROLE, ID, ID, ID, ID, ID, many(tstr(1, 256, LINE), 0, 8), many(TYPE, 0, 32))
CHARTER = row(SUITE, ID, tstr(1, 128, LINE), tstr(0, 1024, LINE), tstr(1, 64, LINE), uint(), many(ENTRY, 1, 512),
              many(uint(), 0, 8), uint(1, 2**40), tstr(0, 65536, LINES))
def charter_verify(file, alliance=None):
    outer = need(len(file) <= 2**22 + 2**18, "form") and decode(file)
    payload, signatures = need(row(bstr(high=2**22), many(row(bstr(16), bstr(64))))(outer), "form") and outer
    _, _, name, purpose, chain, time, entries, deputies, seal, terms = structure(payload, CHARTER)
    need([entry[1] for entry in entries].count("leader") == 1 and all(entry[1] == "regulator" or not entry[8] for entry in entries), "form")
    need(all(i < len(entries) and entries[i][1] not in ("leader", "regulator") for i in deputies) and distinct(deputies), "form")
    keys, signers = [key for entry in entries for key in entry[2:7]], [key for entry in entries for key in entry[2:6]]
    need(distinct(keys) and all(map(usable, signers)) and not any(small_order(entry[6]) for entry in entries), "key")
    found, members = labelled(b"alliance", payload), {labelled(b"member", encode(entry)): entry for entry in entries}
    need(alliance in (None, found), "alliance") and need(len(signers) == len(signatures), "charter-signature")
    for key, (kid, signature) in zip(signers, signatures):
        signed = encode(["Signature1", protected(kid, "charter"), b"", payload])
        need(kid == key_id(key)["id"] and genuine(key, signed, signature), "charter-signature")
    said = {"name": name, "purpose": purpose, "chain": chain, "terms": terms, "seal": seal, "rotation": 0, "retention": "", "rules": {}}
    return {"alliance": found, "members": list(members), "entries": members, "name": name, "said": said, "version": 0, "time": time, "gone": {}, "closed": {}, "marks": {},
            "deputies": [list(members)[i] for i in deputies], "logs": {member: [(entry[3], 0)] for member, entry in members.items()}, "used": set(keys)}
def log_key(known, member, incarnation, size):  # which signs the last entry of so many, and the checkpoint over them
    logs = [*(keys for _, _, keys in known["closed"].get(member, ())), known["logs"][member]]
    return need(incarnation < len(logs), "author") and [key for key, since in logs[incarnation] if since < max(size, 1)][-1]
# ==== statement.md. A Sig_structure is itself an item of the profile, so a frame is read by the same decoder. ===========================
PARTS = "suite alliance author incarnation sequence previous time type references blind sections".split()
STATEMENT = row(SUITE, ID, ID, uint(), uint(), ID, uint(), TYPE, many(ID, 0, 16), ID, many(row(uint(1, 256), ID, many(ID, 1, 16)), 0, 8))
def protected(kid, what): return b"\xa3\x01\x27\x04\x50" + kid + b"\x10" + encode(f"application/suyuan-{what}+cbor")
def statement_decode(statement):
    need(len(statement) <= 16384, "form")
    try: parts = decode(statement)
    except Fault: parts = None
    need(row(match("Signature1"), bstr(), bstr(0), bstr())(parts) and parts[1] == protected(parts[1][5:21], "statement"), "frame")
    return dict(zip(PARTS, structure(parts[3], STATEMENT)), id=sha256(statement), kid=parts[1][5:21], parts=parts)
def statement_verify(statement, signature, key):
    found = statement_decode(statement)
    return need(usable(key), "key") and need(found["kid"] == key_id(key)["id"], "key-id") and key_verify(key, statement, signature) and found
def statement_cose(statement, signature):
    _, headers, _, payload = map(encode, statement_decode(statement)["parts"])
    return need(len(signature) == 64, "signature") and {"cose": b"\xd2\x84" + headers + b"\xa0" + payload + encode(signature)}
# ==== section.md ========================================================================================================================
NAME, VALUE = tstr(1, 128, "[\x00-\x1f\x7f]"), tstr(1, 262144)
HEADER = row(SUITE, ID, either(NULL, row(ID, uint(0, 2**21))))
AUDIENCE = row(SUITE, bstr(16), ID, uint(), uint(), ID, either(NULL, row(uint(), ID)))
def leaf(salt, name, value): return sha256(b"\0", encode([salt, name, value]))
def section_body(body, count=None, root=None):
    content = need(len(body) <= 2**20, "form") and decode(body)
    seed, fields = need(row(ID, many(row(NAME, VALUE), 1, 256))(content), "form") and content
    need(distinct([name for name, _ in fields]), "field-duplicate") and need(count in (None, len(fields)), "field-count")
    leaves = sorted(leaf(hmac.digest(seed, b"suyuan/1 field-salt\n" + name.encode(), "sha256"), name, value) for name, value in fields)
    found = {"root": tree(leaves), "count": len(leaves), "leaves": leaves, "fields": fields}
    return need(root in (None, found["root"]), "field-root") and found
def section_field(salt, name, value, index, count, path, root):
    need(len(salt) == 32 and NAME(name) and VALUE(value), "form")
    return need(count <= 256 and path_root(leaf(salt, name, value), index, count, path) == root, "field-path")
def opened(label, data, commitment, fault, form, names):
    return need(labelled(label, data) == commitment, fault) and dict(zip(names.split(), structure(data, form)))
def section_header(header, commitment): return opened(b"section-header", header, commitment, "header", HEADER, "suite root sealed")
def section_audience(audience, commitment):
    return opened(b"audience-header", audience, commitment, "audience", AUDIENCE, "suite salt circle epoch counter")
# ==== sealing.md ==========================================================================================================
def sealing_bucket(length):
    e = length.bit_length() - 1
    return {"bucket": 256 if length <= 256 else -(-length >> e - e.bit_length()) << e - e.bit_length()}
def expand(algorithm, key, info, length):  # HKDF-Expand (RFC 5869) of at most two blocks
    first = hmac.digest(key, info + b"\x01", algorithm)
    return (first + hmac.digest(key, first + info + b"\x02", algorithm))[:length]
def aes_gcm(key, nonce, ciphertext, fault):
    try: from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError: raise Fault("skipped") from None
    try: return AESGCM(key).decrypt(nonce, ciphertext, None)
    except Exception: raise Fault(fault) from None  # InvalidTag, or a length that it does not take
def unsealed(key, context, ciphertext, most):  # the item of a padded message of C2SP chunked-encryption
    derived = expand("sha512", key, b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + ciphertext[:24] + context, 76)
    need(len(key) == 32 and len(ciphertext) <= most and derived[44:] == ciphertext[24:56], "sealed")
    plain, base = b"", int.from_bytes(derived[32:44], "big")
    for count, at in enumerate(range(56, len(ciphertext) + 1, 16400)):  # a full last chunk is followed by nothing, which does not open
        plain += aes_gcm(derived[:32], (base ^ count).to_bytes(12, "big"), ciphertext[at:at + 16400], "sealed")
    body = encode(decode(plain, padded=True))
    need(len(plain) == sealing_bucket(len(body))["bucket"] and not any(plain[len(body):]), "padding")
    return body
def sealing_open(key, alliance, author, incarnation, sequence, section, root, ciphertext):
    context = b"suyuan/1 section\n" + alliance + author + struct.pack(">QQB", incarnation, sequence, section) + root
    body = unsealed(key, context, ciphertext, 2**21)
    return section_body(body, root=root) and {"body": body}
# ==== log.md: BLAKE3 for inputs of one chunk, the chain, the tree by the definitions of RFC 6962, notes =================================
IV = struct.unpack(">8I", bytes.fromhex("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"))
STEPS = [(i, 4 + (i + k) % 4, 8 + (i + 2*k) % 4, 12 + (i + 3*k) % 4, *by) for k in (0, 1) for i in range(4) for by in ((16, 12), (8, 7))]
def rotate(word, by): return (word >> by | word << 32 - by) & 0xFFFFFFFF
def compress(key, block, flags):
    v, words = [*key, *IV[:4], 0, 0, len(block), flags], struct.unpack("<16I", block.ljust(64, b"\0"))
    for _ in range(7):
        for (a, b, c, d, far, near), word in zip(STEPS, words):
            v[a] = v[a] + v[b] + word & 0xFFFFFFFF
            v[d] = rotate(v[d] ^ v[a], far)
            v[c] = v[c] + v[d] & 0xFFFFFFFF
            v[b] = rotate(v[b] ^ v[c], near)
        words = [words[i] for i in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)]
    return [x ^ y for x, y in zip(v, v[8:])]
def blake3(key, data, mode):
    for at in range(0, len(data), 64):
        key = compress(key, data[at:at + 64], mode | (at == 0) | (10 if at + 64 >= len(data) else 0))
    return key
def log_chain(alliance, author, incarnation, entries):
    context, inputs = blake3(IV, b"suyuan/1 chain", 32), [alliance + author + struct.pack(">Q", incarnation), *entries]
    return {"chain": functools.reduce(lambda value, more: struct.pack("<8I", *blake3(context, value + more, 64)), inputs, b"")}
def half(size): return 1 << (size - 1).bit_length() - 1
def node(left, right): return left and right and sha256(b"\x01", left, right)
def tree(leaves):
    if len(leaves) < 2: return leaves[0] if leaves else sha256()
    return node(tree(leaves[:half(len(leaves))]), tree(leaves[half(len(leaves)):]))
def path_root(value, index, size, path):  # None where the path does not fit
    if index >= size or size == 1 or not path: return value if (index, size) == (0, 1) and not path else None
    if index < half(size): return node(path_root(value, index, half(size), path[:-1]), path[-1])
    return node(path[-1], path_root(value, index - half(size), size - half(size), path[:-1]))
def both_roots(old, new, path, known):  # the roots that a consistency path leads to; `known` is the old one where the path implies it
    if old == new: return (known or path[0],) * 2 if len(path) == (0 if known else 1) else (None, None)
    if not 0 < old < new or not path: return None, None
    left, right = half(new), new - half(new)
    before, after = both_roots(old, left, path[:-1], known) if old <= left else both_roots(old - left, right, path[:-1], None)
    return (before, node(after, path[-1])) if old <= left else (node(path[-1], before), node(path[-1], after))
def log_root(entries): return {"root": tree([sha256(b"\0", entry) for entry in entries])}
def log_inclusion(entry, index, size, path, root): return need(path_root(sha256(b"\0", entry), index, size, path) == root, "inclusion")
def log_consistency(old, new, old_root, new_root, path):
    if old == 0: return need(not path and old_root == sha256() and (new > 0 or new_root == old_root), "consistency")
    return need(both_roots(old, new, path, old_root) == (old_root, new_root), "consistency")
NUMBER, HASH, SIXTET = "(0|[1-9][0-9]{0,15})", "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", "[A-Za-z0-9+/]"
SIGNED = f"(?:{SIXTET}{{4}})+(?:{SIXTET}[AQgw]==|{SIXTET}{{2}}[AEIMQUYcgkosw048]=)?"
NOTE = rf"(([^\n]+)\n{NUMBER}\n({HASH})\n)\n((?:— [^\s+]+ {SIGNED}\n){{1,1024}})"
PROOF = rf"c2sp\.org/tlog-proof@v1\nindex {NUMBER}\n((?:{HASH}\n){{0,63}})\n(?s:(.*))"
def read_note(note):
    found = re.fullmatch(NOTE, note)
    need(len(note.encode("utf-8", "replace")) <= 2**18 and found and not re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", note), "note")
    lines = [(name, base64.b64decode(signature)) for name, signature in re.findall(r"— (\S+) (\S+)", found[5])]
    need(int(found[3]) < 2**53 and all(len(signature) > 4 for _, signature in lines), "note")
    return found[1].encode(), found[2], {"size": int(found[3]), "root": base64.b64decode(found[4])}, lines
def lines_of(lines, name, kind, key):
    return [line[4:] for signer, line in lines if (signer, line[:4]) == (name, sha256(name.encode(), b"\n", kind, key)[:4])]
def checked(note, origin, log, witnesses):  # with the times of those that cosigned, by name; which log key it is may depend on the size
    text, found, result, lines = read_note(note)
    log = log(result["size"]) if callable(log) else log
    ours = need(found == origin, "origin") and lines_of(lines, origin, b"\x01", log)
    need(ours and all(genuine(log, text, signature) for signature in ours), "checkpoint-signature")
    times = {}
    for name, key in witnesses:
        for stamped in lines_of(lines, name, b"\x04", key):
            time = int.from_bytes(stamped[:8], "big")
            need(time < 2**53 and genuine(key, b"cosignature/v1\ntime %d\n" % time + text, stamped[8:]), "cosignature")
            times.setdefault(name, time)
    return {**result, "times": times}
def log_checkpoint(note, origin, log, witness=None):
    found = checked(note, origin, log, [(witness[0], bytes.fromhex(witness[1]))] if witness else [])
    return {**found, "time": next(iter(found["times"].values()), None)}
def log_proof(proof):
    found = need((whole := re.fullmatch(PROOF, proof)) and int(whole[1]) < 2**53, "proof") and whole
    return {"index": int(found[1]), "path": [base64.b64decode(line) for line in found[2].split()], "note": found[3]}
# ==== witness.md ========================================================================================================================
def witness_quorum(members):
    faulty = (members - 1) // 3
    return {"faulty": faulty, "others": -(-(members + faulty + 1) // 2) - 1}
def counted(known, author): return [member for member, entry in known["entries"].items() if member != author and entry[1] != "regulator"]
def witness_name(known, member): return f"suyuan/{known['alliance'].hex()}/{member.hex()}/witness"
def standing(known, author, incarnation, note):
    names = {member: witness_name(known, member) for member in known["entries"]}
    keys = [(names[member], entry[4]) for member, entry in known["entries"].items()]
    found = checked(note, names[author][:-7] + str(incarnation), functools.partial(log_key, known, author, incarnation), keys)
    times, quorum = found["times"], witness_quorum(len(counted(known, author)) + 1)
    seen = sorted(times[names[member]] for member in counted(known, author) if names[member] in times)
    return {**found, "count": len(seen), "needed": quorum["others"], "time": seen[quorum["faulty"]] if 0 < quorum["others"] <= len(seen) else None,
            "witnesses": [[member, times[name]] for member, name in names.items() if member != author and name in times]}
def witness_standing(file, author, incarnation, note): return standing(charter_verify(file), author, incarnation, note)
def vkey(name, kind, key): return f"{name}+{sha256(name.encode(), b'%c%c' % (10, kind), key)[:4].hex()}+{base64.b64encode(bytes([kind]) + key).decode()}"
def witness_derive(file, author, incarnation):
    known = charter_verify(file)
    who, needed, entries = counted(known, author), witness_quorum(len(counted(known, author)) + 1)["others"], known["entries"]
    lines = [f"log {vkey(witness_name(known, author)[:-7] + str(incarnation), 1, entries[author][3])}\n"]
    lines += [f"witness {m.hex()} {vkey(witness_name(known, m), 4, entry[4])}\n" for m, entry in entries.items() if m != author]
    group = " ".join(["group partners", str(needed), *[member.hex() for member in who]]) + "\nquorum partners\n"
    return {"policy": "".join([*lines, group if needed else "quorum none\n"]).encode()}
def read_vkey(octets, kind):
    name, _, base64ed = need(octets.count(b"+") >= 2, "policy") and octets.split(b"+", 2)
    try: name, key = name.decode(), base64.b64decode(base64ed, validate=True)[1:]
    except ValueError: raise Fault("policy") from None
    return need(re.fullmatch(r"[^\s+]+", name) and vkey(name, kind, key).encode() == octets and usable(key), "policy") and (name, key)
def read_policy(text):
    need(len(text) <= 2**18 and text[-1:] == b"\n" and not re.search(rb"[^\t\n -~\x80-\xff]", text), "policy")
    logs, witnesses, groups, quorums, listed = [], {}, {}, [], set()
    for line in text.split(b"\n"):
        what, *words = re.findall(rb"[^ \t]+", line) or [b"#"]
        if what.startswith(b"#"): continue
        if what == b"log" and len(words) in (1, 2): logs.append(read_vkey(words[0], 1))
        elif what in (b"witness", b"group"):
            need(len(words) in (2, 3) if what == b"witness" else len(words) > 2, "policy")
            need(words[0] != b"none" and words[0] not in witnesses | groups, "policy")
            if what == b"witness":
                witnesses[words[0]] = read_vkey(words[1], 4)
                continue
            members, least = words[2:], {b"any": b"1", b"all": b"%d" % len(words[2:])}.get(words[1], words[1])
            need(all(m in witnesses | groups for m in members) and distinct(members) and listed.isdisjoint(members), "policy")
            need(re.fullmatch(rb"[1-9][0-9]{0,15}", least) and int(least) <= len(members), "policy")
            listed.update(members)
            groups[words[0]] = (int(least), members)
        else: need(what == b"quorum" and len(words) == 1 and words[0] in {b"none"} | witnesses.keys() | groups.keys(), "policy") and quorums.append(words[0])
    need(len(quorums) == 1 and distinct([key for _, key in logs]) and distinct([key for _, key in witnesses.values()]), "policy")
    return logs, witnesses, groups, quorums[0]
def witness_policy(policy, note):
    logs, witnesses, groups, quorum = read_policy(policy)
    origin = read_note(note)[1]
    found = Fault("origin")
    for _, log in [known for known in logs if known[0] == origin]:
        try: found = checked(note, origin, log, witnesses.values())
        except Fault as fault: found = fault
        else: break
    if isinstance(found, Fault): raise found
    holds = {name: key[0] in found["times"] for name, key in witnesses.items()} | {b"none": True}
    for name, (least, members) in groups.items(): holds[name] = sum(holds[member] for member in members) >= least
    return {"size": found["size"], "accepted": holds[quorum], "cosigners": list(found["times"])}
# ==== bundle.md =========================================================================================================================
CONTENT = either(row(uint(0, 0), bstr()), row(uint(1, 1), many(row(ID, NAME, VALUE, uint(), many(ID)), 1, 256)))
RECORD = row(bstr(), bstr(64), tstr(), many(row(uint(), bstr(), many(row(uint(), bstr())), CONTENT)))
def bundle_verify(bundle, alliance=None):
    parts = [match("suyuan-bundle"), SUITE, bstr(), many(RECORD, 1, 1024)]
    _, _, file, records, *history = need(len(bundle) <= 2**26, "form") and structure(bundle, either(row(*parts), row(*parts, bstr())), 1)
    known = verify_history.in_force(file, *history or [None], alliance)
    return {"alliance": known["alliance"], "name": known["name"], "records": [record_verify(known, *record) for record in records]}
def record_verify(known, statement, signature, proof, disclosures):
    content = statement_decode(statement)
    alliance, author, sequence, sections = (content[part] for part in ("alliance", "author", "sequence", "sections"))
    need(alliance == known["alliance"], "statement-alliance") and need(author in known["logs"], "author")
    key, incarnation = log_key(known, author, content["incarnation"], sequence + 1), content["incarnation"]
    pin = dict(enumerate(known["closed"].get(author, ()))).get(incarnation, known["gone"].get(author))
    need(not pin or sequence < pin[0], "left") and statement_verify(statement, signature, key)
    proven = log_proof(proof)
    accepted = pin and need(not proven["note"], "proof") and {"size": pin[0], "root": pin[1], "needed": 0, "time": None, "witnesses": []}
    tip = accepted or standing(known, author, incarnation, proven["note"])
    marked = any(log == incarnation and since <= sequence < end for log, since, end in known["marks"].get(author, ()))
    need(proven["index"] == sequence, "index") and need(sequence < tip["size"], "checkpoint-size")
    log_inclusion(content["id"], sequence, tip["size"], proven["path"], tip["root"])
    fields = [field for last, disclosure in after(disclosures) for field in disclosed(sections, last, *disclosure)]
    return {"id": content["id"], "author": author, "type": content["type"], "sequence": sequence, "size": tip["size"], "left": author in known["gone"],
            "closed": bool(pin), "compromised": marked, "fields": fields, "withheld": sum(section[0] for section in sections) - len(fields),
            "needed": tip["needed"], "witnessed": tip["time"], "witnesses": tip["witnesses"]}
def after(items, place=0): return zip([-1] + [item[place] for item in items], items)  # each item with the index of the one before
def disclosed(sections, last, section, header, audiences, content):
    count, commitment, commitments = need(last < section < len(sections), "section-index") and sections[section]
    _, root, sealed = section_header(header, commitment).values()  # what is not sealed is for the public, in epoch 0 and alone
    shown = [need(last < index < len(commitments), "audience") and section_audience(audience, commitments[index])
             for last, (index, audience) in after(audiences)]
    need((sealed or len(commitments) == 1) and all((a["circle"] == bytes(32)) == (a["epoch"] == 0) == (not sealed) for a in shown), "audience")
    if content[0] == 0: return [[section, *field] for field in section_body(content[1], count, root)["fields"]]
    for last, (salt, name, value, index, path) in after(content[1], 3):
        need(last < index, "field-path") and section_field(salt, name, value, index, count, path, root)
    need(distinct([single[1] for single in content[1]]), "field-duplicate")
    return [[section, *single[1:3]] for single in content[1]]
# ==== equivocation.md ===================================================================================================================
PATH = many(ID, 0, 63)
CONTRADICTION = either(NULL, row(ID, PATH), row(uint(), ID, PATH, ID, PATH))
EVIDENCE = row(ID, uint(), tstr(1, 1024), tstr(1, 1024), CONTRADICTION)
def equivocation_verify(file, alliance=None):
    parts = [match("suyuan-equivocation"), SUITE, bstr(high=2**22 + 2**18), EVIDENCE]
    _, _, charter, evidence, *history = need(len(file) <= 2**26, "form") and structure(file, either(row(*parts), row(*parts, bstr())), 1)
    (member, incarnation, *notes, proof), known = evidence, verify_history.in_force(charter, *history or [None], alliance)
    need(member in known["logs"], "author")
    log, (*_, entry) = functools.partial(log_key, known, member, incarnation), known["gone"].get(member, [known["entries"].get(member)])
    witness, name = entry[4], f"suyuan/{known['alliance'].hex()}/{member.hex()}/"
    one, other = (log_checkpoint(note, name + str(incarnation), log, (name + "witness", witness.hex())) for note in notes)
    (old, new), common = (need(one["size"] <= other["size"], "checkpoint-size") and (one["size"], other["size"])), None
    need(old == new if proof is None else old < new if len(proof) == 2 else True, "proof")
    if proof is None: differ = one["root"] != other["root"]
    elif len(proof) == 2: differ = log_consistency(old, new, proof[0], other["root"], proof[1]) and proof[0] != one["root"]
    else:
        index, entry, path, another, along = proof
        log_inclusion(entry, index, old, path, one["root"]) and log_inclusion(another, index, new, along, other["root"])
        differ, common = entry != another, index if left_of(index, old, path) == left_of(index, new, along) else None
    return need(differ, "agreement") and {"alliance": known["alliance"], "name": known["name"], "member": member, "incarnation": incarnation,
                                          "sizes": [old, new], "times": [one.get("time"), other.get("time")], "common": common}
def left_of(index, size, path):  # the siblings of a path that fits which lie on its left
    if size < 2: return []
    if index < half(size): return left_of(index, half(size), path[:-1])
    return left_of(index - half(size), size - half(size), path[:-1]) + path[-1:]
# ==== vectors/README.md, and the command line ===========================================================================================
def load(name, value):
    if type(value) is list and name != "witness": return [load(name, item) for item in value]
    return bytes.fromhex(value) if type(value) is str and name not in ("name", "value", "note", "origin", "proof") else value
def hexed(value): return json.loads(json.dumps(value, default=bytes.hex))
def outcome(part, case):
    try:
        got = globals()[f"{part}_{case['op']}"](**{name: load(name, value) for name, value in case["in"].items()})
        return " and ".join(f"another {name}" for name, value in case.get("out", {}).items() if hexed(got[name]) != value) or "ok"
    except Fault as fault: return " ".join(fault.args)
    except Exception as error: return f"{type(error).__name__}: {error}"
def run_vectors(folder):
    counts = collections.Counter(passed=0, failed=0)
    for path in sorted(path for path in folder.rglob("*.json") if "trace" not in path.relative_to(folder).parts):
        for case in json.loads(path.read_text("utf-8"))["cases"]:
            got, wanted = outcome(path.parent.name, case), " ".join(case[name] for name in ("fault", "why") if name in case) or "ok"
            same = got == wanted or path.parent.name != "history" and "why" not in case and got.split()[0] == wanted  # in another file, the fault alone is told
            result = "passed" if same else "skipped" if got == "skipped" else "failed"
            counts[result] += 1
            if result == "failed": print(f"{path.relative_to(folder)}: {case['name']}: {got} instead of {wanted}")
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0
def plain(text): return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:500]) + ("…" if len(text) > 500 else "")
def in_words(result, expected):
    lines = [f"Accepted: alliance {result['alliance']} {'as' if expected else '(BUT NONE WAS)'} expected: {plain(result['name'])}"]
    for record in result["records"]:
        until = ["The log had at least {size} entries when it signed the checkpoint.", "The log is closed; of it, {size} entries were accepted."][record["closed"]]
        lines.append(("\nProven: member {author} signed, as entry {sequence} of its log, statement {id}\nof type {type}. " + until +
                      " Fields withheld: {withheld}.").format(**record))
        seen = "  Not witnessed." if record["witnessed"] is None else f"  Witnessed by {record['needed']} or more other members, time {record['witnessed']}."
        lines += [seen] * (not record["closed"]) + ["  CAUTION: others may have had the key that signed it."] * record["compromised"]
        lines += [f"  section {section}: {plain(name)} = {plain(value)}" for section, name, value in record["fields"]]
    return "\n".join(lines + ["\nNot proven: that contents and times are true, that no record is missing, that all see the same log where it is not witnessed."])
def convicted(result, expected):
    signed = " and ".join(f"{size} entries" + (f" at {time} s after 1970" if time is not None else "") for size, time in zip(*(result[k] for k in ("sizes", "times"))))
    point = "is not known" if result["common"] is None else f"is entry {result['common']}: those before it are the same"
    return (f"CONVICTED: alliance {result['alliance']} {'as' if expected else '(BUT NONE WAS)'} expected: {plain(result['name'])}\n"
            f"Proven: member {result['member']} signed two histories of its log {result['incarnation']}: of {signed}.\n"
            f"The point where they part {point}.\nNot proven: which one is true, whom each was shown to, that its times are true.")


sys.modules["verify"] = sys.modules[__name__]  # also where it is the program that runs
import verify_history  # noqa: E402, it needs all of the above
from verify_history import history_verify  # noqa: E402, F401
from verify_circle import circle_commitment, circle_id, circle_unwrap, relay_open, relay_pair, relay_tag  # noqa: E402, F401


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("bundle", "equivocation", "vectors"))
    parser.add_argument("path", type=pathlib.Path, nargs="?", default=pathlib.Path(__file__).parent / "vectors")
    parser.add_argument("--alliance", type=bytes.fromhex)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if chosen.command == "vectors": return run_vectors(chosen.path)
    verify, words = (bundle_verify, in_words) if chosen.command == "bundle" else (equivocation_verify, convicted)
    try: result = hexed({"ok": True, **verify(chosen.path.open("rb").read(2**26 + 1), chosen.alliance)})
    except Fault as fault: result = {"ok": False, "fault": fault.args[0], **dict(zip(["why"], fault.args[1:]))}
    except OSError as error: parser.error(str(error))
    text = f"Refused: {result['fault']}{': ' + result['why'] if 'why' in result else ''}" if not result["ok"] else words(result, chosen.alliance)
    print(json.dumps(result, ensure_ascii=False) if chosen.json else text)
    return 0 if result["ok"] else 1
if __name__ == "__main__": sys.exit(main())
