/** What is known of hub repositories without asking the hub. */

/** A source with safetensors for a known pickle-only model; `id`: `owner/name`. */
export function safetensorsAlternative(id: string): string | undefined {
  return /^state-spaces\/mamba-\d+(?:\.\d+)?[mb]$/.test(id) ? `hf:${id}-hf` : undefined;
}
