/**
 * JSON for headers that nobody vouches for: duplicate keys are an error, objects become Maps (no `__proto__`), depth and
 * the number of values are bounded, so a hostile text costs no more than its length.
 */

export type StrictJson = null | boolean | number | string | StrictJson[] | Map<string, StrictJson>;

export interface StrictJsonLimits {
  readonly maxDepth: number;
  readonly maxValues: number;
}

export type StrictJsonReading =
  | { readonly ok: true; readonly value: StrictJson }
  | {
      readonly ok: false;
      readonly code: 'not-json' | 'duplicate-key' | 'too-deep' | 'too-many';
      /** What was found, with its position, in words. */
      readonly message: string;
    };

class Failure extends Error {
  constructor(
    readonly code: 'not-json' | 'duplicate-key' | 'too-deep' | 'too-many',
    message: string,
  ) {
    super(message);
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Names from files are shown shortened and with control characters spelt out. */
export function quoteName(name: string): string {
  const short = name.length > 80 ? `${name.slice(0, 77)}…` : name;
  return JSON.stringify(short);
}

class Reader {
  private at = 0;
  private values = 0;

  constructor(
    private readonly text: string,
    private readonly limits: StrictJsonLimits,
  ) {}

  readAll(): StrictJson {
    const value = this.read(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.unexpected();
    return value;
  }

  private unexpected(): Failure {
    const found = this.text[this.at];
    return new Failure(
      'not-json',
      found === undefined
        ? `it ends too early, at character ${this.at}`
        : `unexpected ${quoteName(found)} at character ${this.at}`,
    );
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) throw this.unexpected();
    this.at++;
  }

  private read(depth: number): StrictJson {
    if (depth > this.limits.maxDepth) {
      throw new Failure('too-deep', `nested deeper than ${this.limits.maxDepth} levels`);
    }
    if (++this.values > this.limits.maxValues) {
      throw new Failure('too-many', `more than ${this.limits.maxValues} values`);
    }
    this.skipSpace();
    switch (this.text.charAt(this.at)) {
      case '{':
        return this.readObject(depth);
      case '[':
        return this.readArray(depth);
      case '"':
        return this.readString();
      case 't':
        return this.readWord('true', true);
      case 'f':
        return this.readWord('false', false);
      case 'n':
        return this.readWord('null', null);
      default:
        return this.readNumber();
    }
  }

  private readWord(word: string, value: boolean | null): boolean | null {
    if (!this.text.startsWith(word, this.at)) throw this.unexpected();
    this.at += word.length;
    return value;
  }

  private readNumber(): number {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.unexpected();
    this.at = NUMBER.lastIndex;
    return Number(match[0]);
  }

  private readString(): string {
    this.expect('"');
    const start = this.at;
    let escaped = false;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code) || code < 0x20) throw this.unexpected();
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        escaped = true;
        this.at++;
      }
      this.at++;
    }
    const raw = this.text.slice(start, this.at);
    this.at++;
    if (!escaped) return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      throw new Failure('not-json', `a bad escape in the string at character ${start}`);
    }
  }

  private readArray(depth: number): StrictJson[] {
    const array: StrictJson[] = [];
    this.expect('[');
    this.skipSpace();
    if (this.text[this.at] === ']') {
      this.at++;
      return array;
    }
    for (;;) {
      array.push(this.read(depth + 1));
      this.skipSpace();
      if (this.text[this.at] === ']') break;
      this.expect(',');
    }
    this.at++;
    return array;
  }

  private readObject(depth: number): Map<string, StrictJson> {
    const object = new Map<string, StrictJson>();
    this.expect('{');
    this.skipSpace();
    if (this.text[this.at] === '}') {
      this.at++;
      return object;
    }
    for (;;) {
      this.skipSpace();
      const key = this.readString();
      if (object.has(key)) {
        throw new Failure('duplicate-key', `the key ${quoteName(key)} stands twice`);
      }
      this.skipSpace();
      this.expect(':');
      object.set(key, this.read(depth + 1));
      this.skipSpace();
      if (this.text[this.at] === '}') break;
      this.expect(',');
    }
    this.at++;
    return object;
  }
}

/** Parses one JSON value (RFC 8259). Never throws. */
export function parseStrictJson(text: string, limits: StrictJsonLimits): StrictJsonReading {
  try {
    return { ok: true, value: new Reader(text, limits).readAll() };
  } catch (error) {
    if (error instanceof Failure) return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}
