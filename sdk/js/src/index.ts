// @suyuan/verify for Node.js: bundles, and the parts that they are made of.

export { openBundle, verifyBundle } from "./bundle.js";
export type { Cosigner, MemberInfo, OpenBundle, ShownAudience, VerifiedBundle, VerifiedRecord, VerifiedSection } from "./bundle.js";
export { verifyCharter } from "./charter.js";
export type { Charter, Member, Role } from "./charter.js";
export { circleId, epochCommitment, unwrapKey } from "./circle.js";
export { isEquivocation, verifyEquivocation } from "./equivocation.js";
export type { Conviction } from "./equivocation.js";
export { Fault } from "./fault.js";
export type { EntryFault, FaultCode } from "./fault.js";
export { verifyHistory } from "./history.js";
export type { VerifiedHistory } from "./history.js";
export { PublicKey, keyId, verify } from "./key.js";
export { chainNext, chainStart, logOrigin, parseProof, witnessName } from "./log.js";
export { checkpointKey, logKeyAt, voters } from "./membership.js";
export type { Alliance, Fellow, Former, LogKey, Rule } from "./membership.js";
export { parseCheckpoint, verifyCheckpoint } from "./note.js";
export type { Epoch, Order, Slot } from "./order.js";
export { checkPolicy, judge, parsePolicy, policyOf, quorum } from "./policy.js";
export type { Policy, Quorum, Standing } from "./policy.js";
export { checkDigest, openSection } from "./sealing.js";
export type { Place } from "./sealing.js";
export { checkAudiences, checkBody, checkField, decodeBody, openAudience, openHeader } from "./section.js";
export type { Audience, Body, Field, SectionHeader } from "./section.js";
export { coseSign1, decodeStatement, verifyStatement } from "./statement.js";
export type { Statement } from "./statement.js";
export { treeRoot, verifyConsistency, verifyInclusion } from "./tree.js";
