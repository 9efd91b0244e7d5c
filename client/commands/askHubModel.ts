/** Which model of the Hugging Face hub: asked the same way by each command that takes one. */
import { window } from 'vscode';
import { hubSource } from '../text/modelId';

/** `hf:owner/name[@revision]`; `undefined` where none was given. */
export async function askHubModel(title: string, example: string): Promise<string | undefined> {
  const text = await window.showInputBox({
    title,
    prompt: 'A model of the Hugging Face hub: owner/name, with @revision where one is meant.',
    placeHolder: example,
    validateInput: (value) => {
      const parsed = hubSource(value);
      return value === '' || 'source' in parsed ? undefined : parsed.problem;
    },
  });
  if (text === undefined) return undefined;
  const parsed = hubSource(text);
  return 'source' in parsed ? parsed.source : undefined;
}
