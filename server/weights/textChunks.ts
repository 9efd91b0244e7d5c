/**
 * Cutting a long text where no token can lie across the cut, so that encoding the parts gives the tokens of the whole.
 *
 * The cut is before a line feed that follows a letter. In byte-level tokenizers without a prefix space, the known
 * pre-tokenizers put a boundary there whatever surrounds it: GPT-2's pattern (letters never share a piece with white
 * space) and the Split patterns of Llama 3, Qwen 2 and GPT-4, where only punctuation takes line feeds along. None of them
 * looks behind. A letter and a line feed neither compose nor reorder under NFC, NFD, NFKC and NFKD. Any other
 * tokenizer gets its text in one piece.
 */
import { tokenizerSteps } from '../models/tokenizerIdentity';

/** UTF-16 units of a chunk before a cut is looked for. */
const CHUNK = 1 << 13;

/** Split patterns with that boundary, as they stand in published `tokenizer.json` files. */
const KNOWN_PATTERNS: ReadonlySet<string> = new Set([
  // Llama 3, GPT-4 (cl100k)
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // Qwen 2
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // GPT-2, written out
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
]);
const NORMAL_FORMS: ReadonlySet<unknown> = new Set(['NFC', 'NFD', 'NFKC', 'NFKD']);

/** The pattern of a Split step, `undefined` when it is none that is known. */
export function knownPattern(step: Readonly<Record<string, unknown>>): string | undefined {
  const pattern = step['pattern'];
  return typeof pattern === 'object' &&
    pattern !== null &&
    'Regex' in pattern &&
    typeof pattern.Regex === 'string' &&
    KNOWN_PATTERNS.has(pattern.Regex) &&
    step['behavior'] === 'Isolated' &&
    step['invert'] !== true
    ? pattern.Regex
    : undefined;
}

/** Added tokens are found before pre-tokenizing: none may hold a line feed or eat the white space after it. */
function addedTokensAllow(json: unknown): boolean {
  const added: unknown =
    typeof json === 'object' && json !== null && 'added_tokens' in json ? json.added_tokens : [];
  if (!Array.isArray(added)) return false;
  return (added as readonly unknown[]).every(
    (token) =>
      typeof token === 'object' &&
      token !== null &&
      'content' in token &&
      typeof token.content === 'string' &&
      !token.content.includes('\n') &&
      !('rstrip' in token && token.rstrip === true),
  );
}

/** Whether `chunkText` is exact for the tokenizer of a parsed `tokenizer.json`. */
export function canCutAtLines(json: unknown): boolean {
  const { normalizers, preTokenizers } = tokenizerSteps(json);
  const last = preTokenizers.at(-1);
  if (last === undefined || last['type'] !== 'ByteLevel' || last['add_prefix_space'] === true) {
    return false;
  }
  const before = preTokenizers.slice(0, -1);
  const bounded =
    before.length === 0
      ? last['use_regex'] !== false
      : before.every((step) =>
          step['type'] === 'Split' ? knownPattern(step) !== undefined : step['type'] === 'Digits',
        ) &&
        (last['use_regex'] !== false || before.some((step) => step['type'] === 'Split'));
  return (
    bounded && normalizers.every((step) => NORMAL_FORMS.has(step['type'])) && addedTokensAllow(json)
  );
}

/** A letter in every normal form: NFD makes `é` end in a mark, which those patterns take for punctuation. */
const endsInLetter = (character: string): boolean => /\p{L}$/u.test(character.normalize('NFKD'));

/** Parts of `text` of about 8 Ki units, cut before line feeds that follow a letter; longer where there is none. */
export function* chunkText(text: string, chunk = CHUNK): Generator<string> {
  let start = 0;
  let search = chunk;
  while (search < text.length) {
    const line = text.indexOf('\n', search);
    if (line < 0) break;
    if (endsInLetter(text.charAt(line - 1))) {
      yield text.slice(start, line);
      start = line;
      search = start + chunk;
    } else {
      search = line + 1;
    }
  }
  if (start < text.length) yield text.slice(start);
}
