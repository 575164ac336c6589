// Why something was refused: the fault names of the spec pages, so that every verifier names the same one.

/** A fault name, as the spec pages list them. */
export type FaultCode =
  // cbor.md
  | "cbor" | "form" | "suite"
  // key.md
  | "key" | "signature"
  // charter.md
  | "alliance" | "charter-signature"
  // statement.md
  | "frame" | "key-id"
  // section.md
  | "field-duplicate" | "field-count" | "field-root" | "field-path" | "header" | "audience"
  // sealing.md, circle.md
  | "digest" | "sealed" | "padding" | "wrap" | "slip"
  // log.md
  | "note" | "origin" | "checkpoint-signature" | "cosignature" | "inclusion" | "consistency" | "proof"
  // witness.md
  | "policy"
  // bundle.md
  | "statement-alliance" | "author" | "left" | "index" | "checkpoint-size" | "section-index"
  // history.md
  | "entry" | "head"
  // equivocation.md
  | "agreement";

/**
 * The data is not what it claims to be. `code` is the spec's name of the fault, the same in every implementation; `message` adds which
 * part it was, for people. Any other exception is a mistake of the calling program, never a property of the data.
 */
export class Fault extends Error {
  readonly code: FaultCode;
  /** Which part it was. */
  readonly what: string;
  /** Of `entry`: what it is about the entry that does not hold. Else null. */
  readonly why: EntryFault | null;

  constructor(code: FaultCode, what: string, why: EntryFault | null = null) {
    super(`${code}: ${why === null ? "" : `${why}: `}${what}`);
    this.name = "Fault";
    this.code = code;
    this.what = what;
    this.why = why;
  }
}

/** Why an entry of the order log counts for nothing. */
export type EntryFault =
  // history.md
  | "statement"
  // order-log.md
  | "malformed" | "keeper" | "index" | "time" | "certificate" | "takeover" | "pending" | "epoch"
  // resolution.md
  | "proposal" | "circle" | "proposer" | "subject" | "superseded" | "expired" | "rule" | "signers" | "approval" | "threshold" | "change";

/** Throws `code` unless `condition` holds. */
export function ensure(condition: boolean, code: FaultCode, what: string): asserts condition {
  if (!condition) throw new Fault(code, what);
}

/** Refuses an entry of the order log unless `condition` holds. */
export function ensureEntry(condition: boolean, why: EntryFault, what: string): asserts condition {
  if (!condition) throw new Fault("entry", what, why);
}

/** What `run` yields; where it is refused, whatever the fault, `why` does not hold about the entry. */
export async function asEntry<T>(why: EntryFault, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof Fault ? new Fault("entry", error.message, why) : error;
  }
}
