// The browser's module: what a page needs to verify a bundle, and nothing else.

export { openBundle, verifyBundle } from "./bundle.js";
export type { Cosigner, MemberInfo, OpenBundle, ShownAudience, VerifiedBundle, VerifiedRecord, VerifiedSection } from "./bundle.js";
export { Fault } from "./fault.js";
export type { FaultCode } from "./fault.js";
