"""The bugs that planted.py plants: what is wrong, what has to catch it, and the replacements that make it so, each of a text that is there once.

What has to catch it is a test by its name, where one does, or the simulator, for what shows only where power goes or nodes meet at a wrong moment."""

SIMULATOR = None
RESOLUTION, ORDER, TAKEOVER = "sdk/core/src/resolution.rs", "sdk/core/src/order.rs", "sdk/core/src/order/takeover.rs"
PANEL = "sdk/core/src/order/panel.rs"
STATEMENT, NOTE, MEMBERSHIP = "sdk/core/src/statement.rs", "sdk/core/src/note.rs", "sdk/core/src/membership.rs"
ACT, DRAW, EPOCH = "node/engine/src/decisions/act.rs", "node/engine/src/decisions/draw.rs", "node/engine/src/epoch.rs"
COMMIT, WRITER, CIRCLE = "node/engine/src/writer/commit.rs", "node/engine/src/writer.rs", "node/engine/src/writer/circle.rs"
RECOVERY, REPLICA = "sdk/core/src/recovery.rs", "node/engine/src/replica.rs"
WITNESS, DECIDE = "node/engine/src/writer/witness.rs", "node/engine/src/writer/decide.rs"

TELL = ("        after.extend(planned.into_iter().filter_map(|planned| Some((planned.source.ticket()?, Ok(Done::Written(planned.receipt))))));\n"
        "        self.tell(after);\n")
WRITE = "        self.disk.write(&changes)?;\n        self.state.waiting = Arc::new(queue);\n"
KEEP = "        self.disk.add_epoch_secret(circle, epoch, secret.clone())?;\n"
DESK, TOLD = "        self.write_desk(&desk, Changes::default())?;\n", "        self.outlet.tell(answers);\n        self.convict_all(found, now)\n"
ONCE = "            if approval.references.first() != Some(&statement.id()) || approvers.last().is_some_and(|last| *last >= voter) {"
DISTINCT = "let distinct: BTreeSet<&MemberId> = approvers.into_iter()"
LISTED = "approvers.into_iter().filter(|member| electorate.contains(member)).collect();"
FIRST = "                first = first.or(Some(seconds));\n"


def core(test, name):
    return "suyuan-core", test, name


def engine(test, name):
    return "suyuan-engine", test, name


EFFECT, ENTRY = core("decisions", "effects::every_reason_against_an_effect"), core("decisions", "entries::every_reason_against_an_entry")
VECTORS, CHANGE = core("vectors", "every_case_holds"), core("decisions", "changes::every_reason_against_a_change")
RULE = core("decisions", "changes::no_rule_is_kept_by_one_less")
MISSED = engine("circles", "an_epoch_that_came_without_its_secret_is_asked_for_after_a_later_one_has_come_with_it")
ORDERLY = engine("writer", "a_record_is_acknowledged_after_its_write_and_published_after_its_anchor")

BUGS = [
    # Decisions.
    ("a change is counted by those whom it brings", core("decisions", "histories::a_change_of_voters_is_made_final_by_those_before"), [
        (PANEL, "self.before.as_ref().filter(|_| size <= self.tree.size()).unwrap_or(&self.alliance)", "{ let _ = size; &self.alliance }")]),
    ("two terms remove two members that have nobody in common",
     core("decisions", "entries::who_is_removed_and_who_removes_it_cannot_both_have_their_way"), [
        (PANEL, "self.before.as_ref().filter(|_| size <= self.tree.size()).unwrap_or(&self.alliance)", "{ let _ = size; &self.alliance }")]),
    ("who waits at the fence votes for the term that begins there", VECTORS, [
        (TAKEOVER, "voters(votes, &self.circle, entry.term, &self.alliance)", "voters(votes, &self.circle, entry.term, &begun.alliance)")]),
    ("the log goes on before a change is final", core("decisions", "histories::a_change_of_voters_is_made_final_by_those_before"), [
        (ORDER, "None => refuse(self.before.is_some() && entry.index > 0, EntryFault::Certificate)?,", "None => next.before = None,")]),
    ("a later head stands in for the one that makes a change final", core("decisions", "histories::a_change_of_voters_is_made_final_by_those_before"), [
        (ORDER, "let least = if self.before.is_some() { self.tree.size().max(1) } else { self.certified.saturating_add(1) };",
         "let least = self.certified.saturating_add(1);")]),
    ("an approval counts by its key", core("decisions", "effects::a_member_with_two_keys_counts_once"), [
        (RESOLUTION, ONCE, ONCE.replace("approvers.last().is_some_and(|last| *last >= voter)", "keys.contains(&approval.key_id())")),
        (RESOLUTION, "            approvers.push(voter);\n", "            keys.push(approval.key_id());\n            approvers.push(voter);\n"),
        (RESOLUTION, "        let mut approvers: Vec<MemberId>", "        let mut keys = Vec::new();\n        let mut approvers: Vec<MemberId>"),
        (RESOLUTION, DISTINCT, "let distinct: Vec<&MemberId> = approvers.into_iter()"),
    ]),
    ("a replayed approval counts twice", EFFECT, [
        (RESOLUTION, ONCE, ONCE.replace("*last >= voter", "*last > voter")),
        (RESOLUTION, DISTINCT, "let distinct: Vec<&MemberId> = approvers.into_iter()"),
    ]),
    ("an objection counts as an approval", EFFECT, [(RESOLUTION, "alliance.id() && verified.kind == kind).then_some", "alliance.id()).then_some")]),
    ("whoever has left still decides", EFFECT, [
        (RESOLUTION, LISTED, LISTED.replace("electorate.contains(member)", "!electorate.is_empty() || !member.0.is_empty()")),
    ]),
    ("decided by one approval too few", EFFECT, [
        (RESOLUTION, "self.reached >= self.needed && self.reached > 0", "self.reached + 1 >= self.needed && self.reached > 0"),
    ]),
    ("half is a majority", RULE, [(MEMBERSHIP, "Self::Majority => (total / 2).saturating_add(1)", "Self::Majority => total.div_ceil(2)")]),
    ("two thirds are rounded down", RULE, [(MEMBERSHIP, "saturating_mul(2).div_ceil(3)", "saturating_mul(2) / 3")]),
    ("decided after its time", EFFECT, [(RESOLUTION, "        refuse(time > self.expires, Refused::Expired)?;\n", "")]),
    ("decided by rules that do not exist", EFFECT, [(RESOLUTION, "        refuse(self.rule > alliance.version(), Refused::Rule)?;\n", "")]),
    ("a subject is decided twice in one version", EFFECT, [
        (RESOLUTION, "        refuse(self.slot.version != slots.get(&self.slot.subject).copied().unwrap_or(0), Refused::Superseded)?;\n", ""),
    ]),
    ("a member votes twice in a ballot", engine("lib", "decisions::tests::a_member_gives_its_vote_once_in_a_ballot"), [
        (DRAW, "decisions.approvals(other).contains_key(me)) {", "decisions.approvals(other).contains_key(me) && now == 0) {"),
    ]),
    ("a newcomer proves nothing of its keys", CHANGE, [(MEMBERSHIP, "        admission.open(&self.id).ok_or(ChangeFault::Possession)?;\n", "")]),
    ("whoever has a member's place changes its keys", CHANGE, [
        (MEMBERSHIP, "        if !change.is_proven(&self.id, &member.entry.keys.root) {",
         "        if change.is_proven(&self.id, &member.entry.keys.root) && change.size > limits::INTEGER {"),
    ]),
    # The order log.
    ("the fence is ignored", ENTRY, [(TAKEOVER, "(largest == self.position() && !heads.is_empty(), heads", "(largest.size < u64::MAX, heads")]),
    ("a term begins by one vote too few", ENTRY, [
        (TAKEOVER, "if voters.len() < self.quorum().size() {", "if voters.len() + 1 < self.quorum().size() {"),
    ]),
    ("a head without a quorum certifies", ENTRY, [(ORDER, "self.read_head(note).filter(|head| panel.is_enough(head)).ok_or", "self.read_head(note).ok_or")]),
    ("a keeper cosigns itself", ENTRY, [(PANEL, "alliance.voters().filter(|voter| voter.id != self.keeper);", "alliance.voters();")]),
    ("a change before the last one is settled", ENTRY, [
        (ORDER, "            if self.pending.is_some() {\n", "            if self.pending.is_some() && index == 0 {\n"),
    ]),
    ("a quorum of four is two", core("lib", "quorum::tests::the_table_of_the_page"), [
        ("sdk/core/src/quorum.rs", "self.members.saturating_add(self.liars()).saturating_add(1).div_ceil(2)",
         "self.members.saturating_add(self.liars()) / 2"),
    ]),
    ("a head cosigned after a vote to freeze its term", SIMULATOR, [
        (ACT, "        if tip.keeper == *me || self.promise.term > tip.term {\n", "        if tip.keeper == *me {\n"),
    ]),
    ("a promise that is not durable", engine("writer", "a_voter_is_bound_before_its_vote_to_freeze_is_written"), [
        (DECIDE, "promise.to_bytes());\n        self.disk.write(&changes)?;\n        let mut ledger", "promise.to_bytes());\n        let mut ledger"),
    ]),
    ("no next epoch when a member has left", SIMULATOR, [
        (ACT, "(settled && circle.written.is_none()", "(settled && tip.term == 0 && circle.written.is_none()"),
    ]),
    # What is signed, and how it is read.
    ("a signature for one type is good for another", engine("signed", "what_is_signed_for_one_place_is_refused_in_every_other"), [
        (STATEMENT, "header == protected(typ, key) {", "(header.len() >= 21 || header == protected(typ, key)) {"),
    ]),
    ("a cosignature counts once a line", core("oracles", "note::a_repeated_cosignature_counts_once"), [
        (NOTE, FIRST, FIRST + "                cosignatures.push((witness.name.clone(), seconds));\n"),
        (NOTE, "            cosignatures.extend(first.map(|seconds| (witness.name.clone(), seconds)));\n", "            let _ = first;\n"),
    ]),
    ("a number has many encodings", core("oracles", "cbor::all_short_inputs_are_judged_alike"), [
        ("sdk/core/src/cbor.rs", "        if argument < smallest {\n", "        if argument < smallest && width > 8 {\n"),
    ]),
    ("a leaf is hashed like a node", core("published", "hashes::reference_tree_roots"), [
        ("sdk/core/src/tree.rs", "    hasher.update([0]);\n", "    hasher.update([1]);\n"),
    ]),
    ("a signature is judged laxly", core("published", "ed25519::a_signature_without_a_nonce_is_refused"), [
        ("sdk/core/src/key.rs", "self.0.verify_strict(message, &signature)", "ed25519_dalek::Verifier::verify(&self.0, message, &signature)"),
    ]),
    ("keys of small order are keys", core("published", "ed25519::speccheck_verdicts"), [
        ("sdk/core/src/key.rs", "if canonical && point.is_torsion_free() && !key.is_weak() {", "if canonical {"),
    ]),
    ("what was written after leaving is proven", VECTORS, [
        ("sdk/core/src/bundle.rs",
         "        if pin.is_some_and(|pin| sequence >= pin.size) {\n            return Err(Fault::Left);\n        }\n",
         ""),
    ]),
    ("a slip is anybody's", core("lib", "circle::tests::a_slip_opens_nowhere_else"), [
        ("sdk/core/src/circle.rs", "domain::SLIP.context(&[&alliance.0, &statement.0, &recipient.0, &prekey.0])",
         "{\n    let _ = (alliance, recipient);\n    domain::SLIP.context(&[&statement.0, &prekey.0])\n}"),
    ]),
    # Circles.
    ("an epoch's secret is not the one committed to", engine("hostile_members", "the_secret_of_an_epoch_is_the_one_that_its_statement_commits_to"), [
        (EPOCH, "        && stated.commitment.0 == circle::commitment(&content.circle, content.epoch, &content.secret)\n", ""),
    ]),
    ("anybody hands out a circle's keys", engine("hostile_members", "only_a_circle_s_steward_hands_out_its_keys"), [
        (EPOCH, "        && circles::is_by_steward(alliance, &record.statement.place.author, &stated)\n",
         "        && alliance.id() == ledger.alliance.id()\n"),
        (EPOCH, "named.or_else(|| (*author == decisions.tip().keeper).then_some(&*ledger.alliance))",
         "named.or_else(|| (author.0 != [0; 32]).then_some(&*ledger.alliance))"),
    ]),
    ("an epoch without its secret is not missed", MISSED, [("node/engine/src/mend.rs", " || unopened).then", " || (unopened && false)).then")]),
    ("a statement counts once a section", engine("void", "a_statement_with_two_sections_for_one_circle_counts_once"), [
        ("node/engine/src/counters.rs", "            if known.insert(header.circle) {\n",
         "            if known.insert(header.circle) || known.len() > 0 {\n"),
    ]),
    ("sealed for whoever has the lost keys", engine("rotation", "recovery::a_steward_has_its_circles_again_and_opens_their_next_epochs"), [
        ("node/engine/src/author.rs", "epoch.is_outdated(&ledger.alliance)", "epoch.is_outdated(&ledger.alliance) && now == 0"),
    ]),
    # Recovery.
    ("a recovery that its keys have not signed", CHANGE, [
        (RECOVERY, "keys.len() == self.signatures.len() && keys", "keys.len() == self.signatures.len() || keys"),
    ]),
    ("a member decides on its own recovery", core("decisions", "changes::whoever_recovers_goes_on_with_other_keys_and_another_log"), [
        (MEMBERSHIP, "            Self::Remove(Removal { member, .. }) | Self::Recover(Recovery { member, .. }) => voters",
         "            Self::Remove(Removal { member, .. }) => voters"),
    ]),
    ("an approval by a lost key counts", engine("rotation", "recovery::an_approval_from_before_does_not_hold_up_what_others_decide"), [
        (ACT, "known.incarnation() == incarnation", "known.incarnation() >= incarnation"),
    ]),
    ("a closed log goes on", engine("rotation", "recovery::whoever_has_the_lost_keys_writes_votes_and_connects_no_more"), [
        (REPLICA, " || ledger.closed_at(&batch.log).is_some_and(|closed| end > closed)", ""),
    ]),
    ("a lost transport key connects for a while", engine("rotation", "recovery::whoever_has_the_lost_keys_writes_votes_and_connects_no_more"), [
        ("node/engine/src/decisions/rotation.rs", "Some((recovery.member, None))", "Some((recovery.member, Some(decided.time)))"),
    ]),
    # Keys, and what waits.
    ("a change of keys binds its member for good", engine("rotation", "a_change_of_keys_that_came_too_late_binds_its_member_no_longer"), [
        (ACT, "(tip.is_open() || self.lapses(now))", "tip.is_open()"),
    ]),
    ("a cosignature gets the name of a later key", engine("rotation", "what_a_member_cosigned_before_it_heard_of_its_own_change_is_nobody_s_fault"), [
        ("node/engine/src/witnessing/gather.rs", ".filter(|_| found.is_by_key_of_today(alliance))", ""),
    ]),
    ("sealed under an epoch without effect", engine("equivocation", "what_a_convicted_member_stated_beyond_the_common_point_has_no_effect"), [
        ("node/engine/src/author.rs", "known.is_none() && circle.0 != ledger.me.0", "known.is_none() && circle.0 != ledger.me.0 && now == 0"),
    ]),
    ("what has waited stays in the queue", engine("waiting", "alone::what_has_waited_is_written_once_although_the_power_went"), [
        ("node/engine/src/writer/wait.rs", "        self.changes.delete(Table::Waiting, id.0);\n", ""),
    ]),
    ("what waits is not on the disk", SIMULATOR, [
        ("node/engine/src/writer/wait.rs", "        turn.changes.rows.append(&mut changes.rows);\n", ""),
    ]),
    ("an invitation is good with any secret", SIMULATOR, [
        ("node/engine/src/decisions/invitation.rs", "    if !open || held.invitation.digest != digest(secret) {", "    if !open {"),
    ]),
    # Writing, and the order of writing and telling.
    ("a witness cosigns what does not continue", engine("witnessing", "desk::every_case_of_the_specification"), [
        ("sdk/core/src/witness.rs", "    continues(latest, &head, &request.proof).map_err(|_| Refusal::Inconsistent)?;", ""),
    ]),
    ("a witness tells before it writes", engine("writer", "a_cosignature_is_on_the_disk_before_it_is_told"), [
        (WITNESS, DESK, ""),
        (WITNESS, TOLD, TOLD.replace(";\n", ";\n" + DESK, 1)),
    ]),
    ("acknowledged before the write", ORDERLY, [(COMMIT, TELL, ""), (COMMIT, WRITE, TELL + WRITE)]),
    ("published without the anchor", ORDERLY, [
        (WRITER, "            self.disk.anchor(&published).map_err", "            Ok::<(), String>(()).map_err"),
    ]),
    ("the statement before its secret", engine("writer", "a_secret_is_kept_before_the_statement_that_needs_it"), [
        (CIRCLE, KEEP, ""),
        (CIRCLE, "        let ledger = self.write_epoch(new)?;\n",
         "        let secret = new.secret.clone();\n        let ledger = self.write_epoch(new)?;\n"
         "        self.disk.add_epoch_secret(circle, number, secret).map_err(|error| Fatal(error.to_string()))?;\n"),
    ]),
    ("a request that comes again is written again", engine("replays", "replays_change_no_byte"), [
        (COMMIT, "                once::remember(once,", "                let _ = |changes| once::remember(once,"),
        (COMMIT, "self.disk.keys().local, &mut changes);\n            }\n", "self.disk.keys().local, changes);\n            }\n"),
    ]),
    ("authoring before the own tail is back", engine("lib", "sync::tests::the_own_head_is_known_once_somebody_answered_and_nobody_has_more"), [
        ("node/engine/src/sync/own.rs", "heard && everybody && !more &&", "heard && everybody && (!more || heard) &&"),
    ]),
    ("a batch taken without checking the tree", engine("batches", "whatever_its_sender_has_exchanged_refuses_all_of_a_batch"), [
        (REPLICA, "&batch.consistency).map_err(sender);", "&batch.consistency).or(Ok::<(), Fault>(())).map_err(sender);"),
    ]),
    ("a disk that says it has synced and has not", SIMULATOR, [("planted/src/sim/disk.rs", "            platter.sync();\n", "")]),
]
