"""Verifies the history of an alliance, for verify.py: what its members decided since the founding, from the pages beside it alone (history.md)."""
import base64, collections, functools, json, re  # noqa: E401
from verify import (ENTRY, LINE, LINES, TYPE, Fault, bstr, charter_verify, checked, decode, distinct, either, encode, genuine, key_id, labelled, many,
                    match, need, node, protected, read_note, row, section_body, section_header, sha256, small_order, statement_decode, structure, tstr,
                    uint, usable, witness_name, witness_quorum)
def must(good, why):
    if not good: raise Fault("entry", why)
    return good
def within(why, run, *inputs):  # what is refused in there, for whatever reason, is refused for this one
    try: return run(*inputs)
    except Fault: raise Fault("entry", why) from None
def attempt(run, *inputs):
    try: return run(*inputs)
    except Fault: return None
# ==== resolution.md, Fields: a value is read loosely; that writing it again gives the same text proves the one form. ====================
def null(value): return value is None
def text(value): return type(value) is str
def each(form): return many(form, high=2**26)
def object_of(**forms): return lambda v: type(v) is dict and v.keys() == forms.keys() and all(form(v[name]) for name, form in forms.items())
def mapping(form): return lambda v: type(v) is dict and all(map(form, v.values()))
def one_of(**forms): return lambda v: type(v) is dict and len(v) == 1 and all(name in forms and forms[name](content) for name, content in v.items())
def written(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
def read(fields, form):
    try: values = {name: json.loads(value) for name, value in fields} if all(written(json.loads(value)) == value for _, value in fields) else None
    except (ValueError, RecursionError): values = None
    return need(form(values), "form") and values
def unbase64(digits):
    try: data = base64.b64decode(digits, validate=True)
    except ValueError: raise Fault("form") from None
    return need(base64.b64encode(data).decode() == digits, "form") and data
NUMBER, HEX, ROLE = uint(), match("[0-9a-f]{64}"), match("leader|upstream|midstream|downstream|support|regulator")
RULES = ["majority", "two-thirds", "all"]
SIGNED, DISCLOSED = object_of(statement=text, signature=text), object_of(statement=text, signature=text, header=text, body=text)
CHANGE = one_of(
    admit=object_of(entry=text, signatures=each(text)),
    remove=object_of(member=HEX, size=NUMBER, root=HEX),
    role=object_of(member=HEX, role=ROLE, scope=each(text)),
    keys=object_of(member=HEX, **dict.fromkeys(("log", "witness", "transport", "encryption"), either(null, HEX)), size=NUMBER, signatures=each(text)),
    recover=object_of(member=HEX, keys=object_of(**dict.fromkeys(("root", "log", "witness", "transport", "encryption"), HEX)), size=NUMBER, root=HEX,
                      signatures=each(text)),
    compromised=object_of(member=HEX, incarnation=NUMBER, **{"from": NUMBER}, size=NUMBER),
    charter=object_of(**dict.fromkeys(("name", "purpose", "chain", "terms", "retention"), either(null, text)), deputies=either(null, each(HEX)),
                      seal=either(null, NUMBER), rotation=either(null, NUMBER), rules=either(null, mapping(match("|".join(RULES))))),
    chair=object_of(member=HEX),
    agree=object_of(title=text, text=text))
PROPOSAL = object_of(circle=HEX, slot=object_of(subject=tstr(1, 128), version=NUMBER, ballot=NUMBER), change=CHANGE, threshold=uint(1), rule=NUMBER,
                     expires=NUMBER, signers=many(row(HEX, uint(1, 10**6)), 1, 384), reason=tstr(0, 4096))
EPOCH, EFFECT = object_of(epoch=NUMBER, statement=HEX), object_of(proposal=DISCLOSED, approvals=each(SIGNED))
ORDER = object_of(circle=HEX, term=NUMBER, index=NUMBER, previous=HEX, certificate=either(null, text), takeover=either(null, each(DISCLOSED)),
                  effect=either(null, EFFECT), epoch=either(null, EPOCH))
FREEZE = object_of(circle=HEX, term=NUMBER, head=either(null, text))
# ==== statements of members, with any log key that they have or had =====================================================================
def signed(known, kind, statement, signature):
    found = statement_decode(statement)
    key = next((key for key, _ in known["logs"].get(found["author"], ()) if key_id(key)["id"] == found["kid"]), b"")
    need(found["alliance"] == known["alliance"] and found["type"] == kind and key, "key-id")
    return need(genuine(key, statement, signature), "signature") and found
def opened(known, kind, statement, signature, header, body):
    found = signed(known, kind, statement, signature)
    count, commitment, _ = need(len(found["sections"]) == 1, "form") and found["sections"][0]
    return {**found, "fields": section_body(body, count, section_header(header, commitment)["root"])["fields"]}
def parts(disclosed): return [unbase64(disclosed[name]) for name in ("statement", "signature", "header", "body") if name in disclosed]
def open_form(known, kind, disclosed): return opened(known, kind, *parts(disclosed))
# ==== membership.md =====================================================================================================================
LEAST = {"admit": 1, "remove": 1, "role": 0, "keys": 2, "recover": 1, "compromised": 0, "charter": 1, "chair": 0, "agree": 0}  # by the place of the rule
SAID = {"name": tstr(1, 128, LINE), "purpose": tstr(0, 1024, LINE), "chain": tstr(1, 64, LINE), "terms": tstr(0, 65536, LINES),
        "seal": uint(1, 2**40), "rotation": uint(0, 2**40), "retention": tstr(0, 1024), "rules": lambda rules: rules.keys() <= LEAST.keys() - {"keys"}}
def voters(known): return [member for member, entry in known["entries"].items() if entry[1] != "regulator"]
def leader(known): return next(member for member, entry in known["entries"].items() if entry[1] == "leader")
def candidate(change):
    data = unbase64(change["entry"])
    entry = decode(data)
    return need(ENTRY(entry) and (entry[1] == "regulator" or not entry[8]), "form") and (labelled(b"member", data), data, entry)
def subject(kind, change):
    if kind == "admit": return "member/" + (attempt(candidate, change) or [bytes(32)])[0].hex()
    return "member/" + change["member"] if "member" in change and kind != "chair" else f"agree/{change['title']}" if kind == "agree" else kind
def electorate(known, kind, change):
    chosen = bytes.fromhex(change.get("member", ""))
    return {chosen} & known["entries"].keys() if kind == "keys" else {voter for voter in voters(known) if kind not in ("remove", "recover") or voter != chosen}
def fresh(known, keys, encryption):
    need(keys and distinct(keys) and known["used"].isdisjoint(keys) and not (encryption and small_order(encryption)), "change")
    return known["used"] | set(keys)
def proven(keys, signatures, what, payload):
    need(len(keys) == len(signatures), "change")
    for key, signature in zip(keys, signatures):
        message = encode(["Signature1", protected(key_id(key)["id"], what), b"", encode(payload)])
        need(usable(key) and genuine(key, message, unbase64(signature)), "change")
def changed(known, kind, change):
    if kind == "agree": return need(1 <= len(change["title"].encode()) <= 100 and len(change["text"].encode()) <= 65536, "change") and known
    new = {**known, "entries": dict(known["entries"]), "logs": dict(known["logs"]), "version": known["version"] + 1}
    if kind in ("admit", "charter"): return (admit if kind == "admit" else amend)(new, change)
    who = bytes.fromhex(change["member"])
    if kind == "compromised": return mark(new, who, change)
    need(who in new["entries"], "change")
    return {"remove": remove, "role": set_role, "keys": rotate, "recover": recover, "chair": lead}[kind](new, who, list(new["entries"][who]), change)
def admit(new, change):
    who, data, entry = candidate(change)
    need(who not in new["logs"] and entry[1] != "leader", "change")
    need(len(new["entries"]) < 512 and (entry[1] == "regulator" or len(voters(new)) < 96), "change")
    new["used"] = fresh(new, entry[2:7], entry[6])
    proven(entry[2:6], change["signatures"], "join", [1, new["alliance"], data])
    new["entries"][who], new["logs"][who] = entry, [(entry[3], 0)]
    return new
def remove(new, who, entry, change):
    del new["entries"][who]
    need(entry[1] != "leader" and voters(new), "change")
    return {**retired(new, who), "gone": {**new["gone"], who: (change["size"], bytes.fromhex(change["root"]), entry)}}
def retired(new, who): return {**new, "deputies": [deputy for deputy in new["deputies"] if deputy != who]}
def set_role(new, who, entry, change):
    role, scope = change["role"], change["scope"]
    need("leader" not in (role, entry[1]) and (not scope or role == "regulator") and many(TYPE, 0, 32)(scope), "change")
    new["entries"][who] = [entry[0], role, *entry[2:8], scope]
    return need(voters(new), "change") and (retired(new, who) if role == "regulator" else new)
def rotate(new, who, entry, change):
    keys = [change[name] and bytes.fromhex(change[name]) for name in ("log", "witness", "transport", "encryption")]
    proven([entry[2], *filter(None, keys[:3])], change["signatures"], "keys", [1, new["alliance"], who, *keys, change["size"]])
    new["used"] = fresh(new, list(filter(None, keys)), keys[3])
    need(not keys[0] or change["size"] >= new["logs"][who][-1][1], "change")
    if keys[0]: new["logs"][who] = [*new["logs"][who], (keys[0], change["size"])]
    new["entries"][who] = [*entry[:3], *(key or old for key, old in zip(keys, entry[3:7])), *entry[7:]]
    return new
def recover(new, who, entry, change):
    keys = [bytes.fromhex(change["keys"][name]) for name in ("root", "log", "witness", "transport", "encryption")]
    proven(keys[:4], change["signatures"], "recovery", [1, new["alliance"], who, *keys])
    new["used"], before = fresh(new, keys, keys[4]), new["closed"].get(who, [])
    new["closed"] = {**new["closed"], who: [*before, (change["size"], bytes.fromhex(change["root"]), new["logs"][who])]}
    new["entries"][who], new["logs"][who] = [*entry[:2], *keys, *entry[7:]], [(keys[1], 0)]
    return need(len(before) < 64, "change") and new
def mark(new, who, change):
    marks = new["marks"].get(who, [])
    need(who in new["logs"] and change["incarnation"] <= len(new["closed"].get(who, ())) and change["from"] < change["size"] and len(marks) < 256, "change")
    return {**new, "marks": {**new["marks"], who: [*marks, (change["incarnation"], change["from"], change["size"])]}}
def amend(new, change):
    deputies = new["deputies"] if change["deputies"] is None else [bytes.fromhex(deputy) for deputy in change["deputies"]]
    need(len(deputies) <= 8 and distinct(deputies), "change")
    if change["deputies"] is not None: need(all(deputy in voters(new) and deputy != leader(new) for deputy in deputies), "change")
    said = {name: value if change[name] is None else change[name] for name, value in new["said"].items()}
    return need(all(form(said[name]) for name, form in SAID.items()), "change") and {**new, "said": said, "name": said["name"], "deputies": deputies}
def lead(new, who, entry, change):
    before = leader(new)
    need(entry[1] not in ("leader", "regulator"), "change")
    for member, role in ((before, "support"), (who, "leader")):
        name, _, *others = new["entries"][member]
        new["entries"][member] = [name, role, *others]
    return retired(new, who)
# ==== resolution.md, Effect =============================================================================================================
def take(order, effect, time):
    known, approvals = order["known"], effect["approvals"]
    must(1 <= len(approvals) <= 384, "malformed")
    found = within("proposal", open_form, known, "suyuan.proposal", effect["proposal"])
    proposal = within("malformed", read, found["fields"], PROPOSAL)
    slot, ((kind, change),) = proposal["slot"], proposal["change"].items()
    signers = {bytes.fromhex(member): weight for member, weight in proposal["signers"]}
    total, alters, deciding = sum(weight for _, weight in proposal["signers"]), kind != "agree", electorate(known, kind, change)
    listed = [member for member, _ in proposal["signers"]]
    must(distinct(listed) and listed == sorted(listed) and proposal["threshold"] <= total, "malformed")
    must(proposal["circle"] == order["circle"].hex(), "circle") and must(found["author"] in deciding or found["author"] in voters(known), "proposer")
    must(slot["subject"] == subject(kind, change), "subject") and must(slot["version"] == versions(order)[slot["subject"]], "superseded")
    must(time <= proposal["expires"], "expired") and must(proposal["rule"] <= known["version"], "rule")
    must((not alters or set(signers.values()) == {1}) and not any(voter in signers for voter in voters(known) if voter not in deciding), "signers")
    approvers = []
    for approval in approvals:
        vote = within("approval", lambda: signed(known, "suyuan.approve", *parts(approval)))
        must(vote["references"][:1] == [found["id"]] and (not approvers or approvers[-1] < vote["author"]), "approval")
        approvers.append(vote["author"])
    weight, asked = sum(signers.get(member, 0) for member in approvers if member in deciding), len(deciding) if alters else total
    rule = max(LEAST[kind], RULES.index(known["said"]["rules"].get(kind, "majority")))
    must(weight >= max(1, proposal["threshold"], (asked // 2 + 1, -(-2 * asked // 3), asked)[rule]), "threshold")
    after = within("change", changed, known, kind, change)
    must(not alters or not order["pending"], "pending")
    return {**order, "decided": (slot["subject"], order["decided"]), "pending": (order["size"], after) if alters else order["pending"]}
def chain(link):  # a list that is held from its last element on: [(element…, the link before)]
    while link: yield link[:-1]; link = link[-1]  # noqa: E702
def versions(order): return collections.Counter(name for name, in chain(order["decided"]))
# ==== order-log.md ======================================================================================================================
EMPTY = {"size": 0, "last": bytes(32), "peaks": (), "certified": 0}
def founding(known):
    return {"circle": known["alliance"], "term": 1, "keeper": leader(known), "known": known, "time": known["time"], "roots": [sha256()],
            **dict.fromkeys(("decided", "epochs", "pending", "opening", "before")), **EMPTY}
def origin(order, term): return f"suyuan/{order['circle'].hex()}/{order['circle'].hex()}/order/{term}"
def certified(order, note):  # a head of this term, with a quorum among those whom the entries before its last have settled
    known, keeper = order["before"] or order["known"], order["keeper"]
    all_of = voters(known)
    witnesses = [(witness_name(known, voter), known["entries"][voter][4]) for voter in all_of if voter != keeper]
    key = (known["logs"].get(keeper) or order["known"]["logs"][keeper])[-1][0]  # a term may be kept by whom its fence admits
    head = attempt(checked, note, origin(order, order["term"]), key, witnesses)
    return head if head and len(head["times"]) + (keeper in all_of) > witness_quorum(len(all_of))["others"] else None
def settle(order, size):
    (changed_at, known), (opened_at, epoch) = order["pending"] or (size, None), order["opening"] or (size, None)
    order = {**order, "certified": size}
    if changed_at < size: order.update(known=known, pending=None, before=order["known"])
    if opened_at < size: order.update(epochs=(epoch["epoch"], epoch["statement"], order["epochs"]), opening=None)
    return order
def append(order, author, entry_id, time, entry):
    must(any(entry[name] is not None for name in ("certificate", "takeover", "effect", "epoch")), "malformed")
    must((author, entry["term"], entry["circle"]) == (order["keeper"], order["term"], order["circle"].hex()), "keeper")
    must((entry["index"], entry["previous"]) == (order["size"], order["last"].hex()), "index") and must(time >= order["time"], "time")
    must(entry["certificate"] is not None or not order["before"] or not order["size"], "certificate")
    if entry["certificate"] is not None:
        head, least = must(certified(order, entry["certificate"]), "certificate"), max(order["size"], 1) if order["before"] else order["certified"] + 1
        must(least <= head["size"] <= order["size"] and order["roots"][head["size"]] == head["root"], "certificate")
        order = settle({**order, "before": None}, head["size"])  # what the newest entry has settled is in force once those before have certified that entry
    must((entry["takeover"] is not None) == (order["term"] > 1 and order["size"] == 0), "takeover")
    if entry["effect"]: order = take(order, entry["effect"], time)
    if entry["epoch"]:
        must(not order["opening"] and 0 < entry["epoch"]["epoch"] - (order["epochs"] or (1,))[0] <= 1024, "epoch")
        order = {**order, "opening": (order["size"], entry["epoch"])}
    peaks = (*order["peaks"], (1, sha256(b"\0", entry_id)))
    while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]: peaks = (*peaks[:-2], (2 * peaks[-1][0], node(peaks[-2][1], peaks[-1][1])))
    # One list for all states of a term, which follow each other.
    order["roots"].append(functools.reduce(lambda right, left: node(left, right), [root for _, root in reversed(peaks)]))
    return {**order, "peaks": peaks, "size": order["size"] + 1, "last": entry_id, "time": time}
def claim(order, note):  # term and size that a note of this circle says to be the head of
    found = attempt(read_note, note)
    term = found and re.fullmatch(re.escape(origin(order, "")) + "(0|[1-9][0-9]*)", found[1])
    return (int(term[1]), found[2]["size"]) if term and len(term[1]) <= 16 and int(term[1]) < 2**53 else None
def named(order, votes):  # the heads that claim to be the largest that votes name
    heads = {fields["head"] for vote in votes if (fields := attempt(lambda: read(section_body(unbase64(vote["body"]))["fields"], FREEZE)))} - {None}
    largest = max(filter(None, (claim(order, note) for note in heads)), default=None)
    return largest, [note for note in heads if largest and claim(order, note) == largest]
def candidates(order):
    known, keeper, all_of = order["known"], order["keeper"], voters(order["known"])
    if known["said"]["rotation"]:
        after = all_of.index(keeper) + 1 if keeper in all_of else 0
        return all_of[after:] + all_of[:after]
    others = dict.fromkeys(member for member in (leader(known), *known["deputies"], *all_of) if member != keeper)
    return [*others, *(voter for voter in all_of if voter == keeper)]
def take_over(fence, author, entry_id, time, entry):
    # The fence is certified: what its own entry settled is final. What waits there is settled by the votes, which are counted without it.
    begun = settle({**fence, "before": None}, fence["size"])
    votes, term = must(entry["takeover"] is not None, "takeover") and entry["takeover"], entry["term"]
    keepers, all_of = candidates(begun), voters(fence["known"])
    begun.update(EMPTY, term=term, keeper=keepers[(term - fence["term"] - 1) % len(keepers)], roots=[sha256()])
    must(len(votes) <= len(all_of), "takeover")
    voted = [within("takeover", open_form, fence["known"], "suyuan.freeze", vote) for vote in votes]
    for vote in voted:
        freeze = within("takeover", read, vote["fields"], FREEZE)
        must((freeze["circle"], freeze["term"]) == (begun["circle"].hex(), term) and vote["author"] in all_of, "takeover")
    must(distinct([vote["author"] for vote in voted]) and len(voted) > witness_quorum(len(all_of))["others"], "takeover")
    return append(begun, author, entry_id, time, entry)
# ==== history.md ========================================================================================================================
HISTORY = row(match("suyuan-history"), uint(1, 1), many(row(bstr(high=16384), bstr(64), bstr(high=1024), bstr(high=2**20))),
              many(row(uint(), tstr(1, 2**18)), 0, 3))
def certified_state(states, term, note):
    claimed = claim(states[1, 0], note)
    state = states.get(claimed) if claimed and term in (None, claimed[0]) else None
    head = certified(state, note) if state else None
    return state if head and head["root"] == state["roots"][state["size"]] else None
def follow(states, tip, *disclosed):
    early, fence = attempt(lambda: read(section_body(disclosed[-1])["fields"], ORDER)), None
    if early and early["term"] > tip["term"]:
        largest, notes = named(tip, early["takeover"] or [])
        fence = next(filter(None, (certified_state(states, None, note) for note in notes)), None) if largest else states[1, 0]
    # Whoever keeps a later term may be a member, or have a key, only by what its fence settles.
    found = within("statement", opened, (settle(fence, fence["size"]) if fence else tip)["known"], "suyuan.order", *disclosed)
    place = found["author"], found["id"], found["time"], must(early, "malformed")
    return append(tip, *place) if early["term"] <= tip["term"] else take_over(must(fence, "takeover"), *place)
def history_state(known, history):  # the state in force, and how many entries there are
    _, _, entries, heads = need(len(history) <= 2**26, "form") and structure(history, HISTORY, 1)
    tip = settled = founding(known)
    states = {(1, 0): tip}
    for entry in entries:
        tip = follow(states, tip, *entry)
        states[tip["term"], tip["size"]] = tip
    for term, note in heads:
        state = certified_state(states, term, note)
        need(state, "head")
        settled = max(settled, state, key=lambda one: (one["term"], one["size"]))
    return settled, len(entries)
def in_force(file, history, alliance):
    known = charter_verify(file, alliance)
    return known if history is None else history_state(known, history)[0]["known"]
def history_verify(file, history, alliance=None):
    order, count = history_state(charter_verify(file, alliance), history)
    known = order["known"]
    return {"entries": count, "term": order["term"], "size": order["size"], "version": known["version"], "keeper": order["keeper"],
            "leader": leader(known), "name": known["name"], "members": [[member, entry[1]] for member, entry in known["entries"].items()],
            "former": [[member, size, root] for member, (size, root, _) in known["gone"].items()], "deputies": known["deputies"],
            "closed": [[member, *pin] for member in (*known["entries"], *known["gone"]) for *pin, _ in known["closed"].get(member, ())],
            "compromised": [[member, *mark] for member in (*known["entries"], *known["gone"]) for mark in known["marks"].get(member, ())],
            "keys": [[member, known["logs"][member]] for member in (*known["entries"], *known["gone"])],
            "epochs": list(chain(order["epochs"]))[::-1], "slots": sorted(map(list, versions(order).items()))}
