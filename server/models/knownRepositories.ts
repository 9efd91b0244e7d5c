/** What is known of hub repositories without asking the hub. */

/** A source with safetensors for a known pickle-only model; `id`: `owner/name`. */
export function safetensorsAlternative(id: string): string | undefined {
  return /^state-spaces\/mamba-\d+(?:\.\d+)?[mb]$/.test(id) ? `hf:${id}-hf` : undefined;
}

const REPOSITORY = '[A-Za-z0-9][\\w.-]*/[A-Za-z0-9][\\w.-]*';
const BARE = new RegExp(`^(${REPOSITORY})$`);
const PAGE = new RegExp(
  `^(?:https?://)?(?:www\\.)?(?:huggingface\\.co|hf\\.co)/(${REPOSITORY})(?:/tree/([\\w.-]+))?/?$`,
);

/** The hub source that a name without `hf:`, as other tools take it, or a page's address stands for. */
export function hubSourceMeant(source: string): string | undefined {
  const page = PAGE.exec(source);
  const id = page?.[1] ?? BARE.exec(source)?.[1];
  if (id === undefined) return undefined;
  const revision = page?.[2] ?? 'main';
  return revision === 'main' ? `hf:${id}` : `hf:${id}@${revision}`;
}
