/** `config.json` as Python writes it: its `json` module says `Infinity` and `NaN`, which JSON has no words for. */

/** A string, so that nothing in one is taken for a word; or one of Python's words. */
const PYTHON = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/**
 * As `JSON.parse`, with Python's words as `transformers` 5 spells them, `{ "__float__": "Infinity" }`.
 * @throws SyntaxError when it is no JSON even so
 */
export function parseConfigJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const spelled = text.replace(PYTHON, (found) =>
    found.startsWith('"') ? found : JSON.stringify({ __float__: found }),
  );
  return JSON.parse(spelled) as unknown;
}
