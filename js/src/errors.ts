/**
 * The errors of a decoder: one class for each kind of failure in section 16, all under AecError.
 *
 * Whatever bytes `decode` and `inspect` are given, they give a value or one of these, nothing else.
 */

/** The base of every failure: catch this one to catch them all. */
export class AecError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.className;
  }

  /** What `name` says, whatever a minifier calls the class. */
  static readonly className: string = "AecError";
}

/** The data does not start like an .aec file. */
export class NotAnAecFile extends AecError {
  static override readonly className = "NotAnAecFile";
}

/** The file follows a version of the format that this release does not read. */
export class UnsupportedVersion extends AecError {
  static override readonly className = "UnsupportedVersion";
}

/** The file has a critical section that this release does not know. */
export class UnsupportedSection extends AecError {
  static override readonly className = "UnsupportedSection";
}

/** The file asks for a model that is not here or cannot be loaded; `cause` tells why. */
export class UnknownModel extends AecError {
  static override readonly className = "UnknownModel";
}

/** The data ends before the file does. */
export class TruncatedFile extends AecError {
  static override readonly className = "TruncatedFile";
}

/** The data was damaged: what it decodes to does not match its checksum. */
export class ChecksumMismatch extends AecError {
  static override readonly className = "ChecksumMismatch";
}

/** Bytes follow the end of the file. */
export class TrailingBytes extends AecError {
  static override readonly className = "TrailingBytes";
}

/** The picture has more pixels than `maxPixels`, or there is no memory for it. */
export class LimitExceeded extends AecError {
  static override readonly className = "LimitExceeded";
}

/** The file holds a value that is not allowed. */
export class InvalidValue extends AecError {
  static override readonly className = "InvalidValue";
}

/** The model file is damaged, or it breaks a bound that exact decoding needs. */
export class InvalidModelFile extends AecError {
  static override readonly className = "InvalidModelFile";
}

const CLASSES = [
  AecError,
  NotAnAecFile,
  UnsupportedVersion,
  UnsupportedSection,
  UnknownModel,
  TruncatedFile,
  ChecksumMismatch,
  TrailingBytes,
  LimitExceeded,
  InvalidValue,
  InvalidModelFile,
];

/** The error of that name, as a worker reports it; an Error if it is none of these. */
export function errorOf(name: string, message: string): Error {
  const found = CLASSES.find((each) => each.className === name);
  return found ? new found(message) : Object.assign(new Error(message), { name });
}
