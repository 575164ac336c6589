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
  | "digest" | "sealed" | "padding" | "wrap"
  // log.md
  | "note" | "origin" | "checkpoint-signature" | "cosignature" | "inclusion" | "consistency" | "proof"
  // witness.md
  | "policy"
  // bundle.md
  | "statement-alliance" | "author" | "index" | "checkpoint-size" | "section-index"
  // equivocation.md
  | "agreement";

/**
 * The data is not what it claims to be. `code` is the spec's name of the fault, the same in every implementation; `message` adds which
 * part it was, for people. Any other exception is a mistake of the calling program, never a property of the data.
 */
export class Fault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, what: string) {
    super(`${code}: ${what}`);
    this.name = "Fault";
    this.code = code;
  }
}

/** Throws `code` unless `condition` holds. */
export function ensure(condition: boolean, code: FaultCode, what: string): asserts condition {
  if (!condition) throw new Fault(code, what);
}
