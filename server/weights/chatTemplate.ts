/** A model's own chat template: `chat_template.jinja`, else `chat_template` in `tokenizer_config.json`, as `transformers` has it. */
import { WeightsError } from './errors';
import { readInFolder } from './modelFiles';
import { readOptional } from './specialTokens';

const CHAT_TEMPLATE_FILE = 'chat_template.jinja';
const CONFIG_FILE = 'tokenizer_config.json';

/** The files that are looked at. */
export const CHAT_TEMPLATE_FILES: readonly string[] = [CHAT_TEMPLATE_FILE, CONFIG_FILE];

const MAX_BYTES = 1 << 20;

/** @throws WeightsError when a file is there and can't be read */
export async function readChatTemplate(folder: string): Promise<string | undefined> {
  try {
    return (await readInFolder(folder, CHAT_TEMPLATE_FILE, MAX_BYTES)).toString('utf8');
  } catch (error) {
    if (!(error instanceof WeightsError && error.code === 'file-missing')) throw error;
  }
  const { chat_template: written } = await readOptional(folder, CONFIG_FILE);
  if (typeof written === 'string') return written;
  // Several by name: the one that is used where none is asked for.
  const named: unknown = Array.isArray(written)
    ? (written as readonly unknown[]).find(
        (each) =>
          typeof each === 'object' && each !== null && 'name' in each && each.name === 'default',
      )
    : undefined;
  return typeof named === 'object' &&
    named !== null &&
    'template' in named &&
    typeof named.template === 'string'
    ? named.template
    : undefined;
}
