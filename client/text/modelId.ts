/** What a user types for a model on the hub. Pure; the server checks again. */

/** `hf:owner/name[@revision]` out of that, `owner/name`, or the address of its page; a sentence where it is none. */
export function hubSource(
  text: string,
): { readonly source: string } | { readonly problem: string } {
  const trimmed = text
    .trim()
    .replace(/^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\//iu, '')
    .replace(/^hf:/iu, '')
    .replace(/\/tree\/([^/]+)\/?$/u, '@$1')
    .replace(/\/$/u, '');
  const match = /^([\w][\w.-]*)\/([\w][\w.-]*)(?:@([\w][\w./-]*))?$/u.exec(trimmed);
  if (match === null || trimmed.includes('..') || trimmed.length > 200) {
    return {
      problem:
        'Write owner/name, for example state-spaces/mamba-130m-hf, with @revision where one is meant.',
    };
  }
  return { source: `hf:${trimmed}` };
}
