/** Folders, files and hub models that a config may name. */
import type { Completion, CompletionScene } from './completionTypes';
import { code } from './markdown';
import { plainOrQuoted } from './newConfig';

/** Most names of a kind that are offered. */
const MAX_OFFERED = 200;

/** Folders beside the config, and the hub's models that are on this machine. */
export async function modelSources(scene: CompletionScene): Promise<readonly Completion[]> {
  const { caret, places } = scene;
  const isPath = /^[./~]/.test(caret.prefix);
  const isHub = caret.prefix.startsWith('hf:');
  const withHub = !isPath && caret.path[0] === 'components';
  const [folders, hub] = await Promise.all([
    isHub ? [] : foldersHere(scene),
    withHub ? places.hubModels() : [],
  ]);
  const models = hub.slice(0, MAX_OFFERED).map(({ id }, index) => {
    const source = `hf:${id}`;
    return {
      label: source,
      kind: 'hub' as const,
      detail: 'on this machine',
      edit: { span: caret.word, text: gapped(scene, quoted(scene, source)) },
      snippet: false,
      sortText: `2${String(index).padStart(3, '0')}`,
    };
  });
  const start = {
    label: 'hf:',
    kind: 'hub' as const,
    detail: 'owner/name on the Hugging Face hub',
    edit: { span: caret.word, text: gapped(scene, 'hf:') },
    snippet: false,
    sortText: '3',
  };
  return [...folders, ...models, ...(withHub && !isHub && caret.quote === '' ? [start] : [])];
}

/** Files that come first, by the key that names them. */
const ENDINGS: Readonly<Record<string, RegExp>> = {
  jsonl: /\.(jsonl|ndjson|json)$/i,
  parquet: /\.parquet$/i,
  chat: /\.(jsonl|ndjson|json|parquet)$/i,
  template: /\.jinja$/i,
};

/** Files and folders beside the config. */
export async function dataFiles(scene: CompletionScene): Promise<readonly Completion[]> {
  const { relative } = split(scene.caret.prefix);
  const [folders, files] = await Promise.all([foldersHere(scene), scene.places.files(relative)]);
  const wanted = ENDINGS[scene.caret.path.at(-1) ?? ''] ?? /\.(txt|md|text)$/i;
  return [
    ...files.slice(0, MAX_OFFERED).map((name) => ({
      ...pathCompletion(scene, name, name),
      kind: 'file' as const,
      sortText: `${wanted.test(name) ? '1' : '3'}${name}`,
    })),
    ...folders,
  ];
}

async function foldersHere(scene: CompletionScene): Promise<readonly Completion[]> {
  const { relative } = split(scene.caret.prefix);
  const folders = await scene.places.folders(relative);
  return folders.slice(0, MAX_OFFERED).map(({ name, isModel }) => {
    const wantsModel = isModel && scene.caret.path[0] !== 'data';
    return {
      ...pathCompletion(scene, name, wantsModel ? name : `${name}/`),
      kind: 'folder' as const,
      detail: isModel ? 'model' : 'folder',
      sortText: `${wantsModel ? '1' : '2'}${name}`,
      again: !wantsModel,
    };
  });
}

/** `./models/ti` is the folder `./models/` and the beginning of a name. */
function split(prefix: string): { readonly relative: string; readonly written: string } {
  const slash = prefix.lastIndexOf('/') + 1;
  return { relative: prefix.slice(0, slash), written: prefix.slice(0, slash) };
}

/** Replaces what is written behind the last slash; the whole word where the path must go into quotes. */
function pathCompletion(
  scene: CompletionScene,
  name: string,
  text: string,
): Pick<Completion, 'label' | 'edit' | 'snippet' | 'filterText' | 'documentation'> {
  const { caret } = scene;
  const { written } = split(caret.prefix);
  const whole = `${written === '' ? './' : written}${text}`;
  const value = gapped(scene, quoted(scene, whole));
  return {
    label: text,
    documentation: code(whole),
    edit: { span: caret.word, text: value },
    snippet: false,
    filterText: written + name,
  };
}

/** As the quote around it takes it; without one, in quotes if it must be. */
function quoted({ caret }: CompletionScene, text: string): string {
  if (caret.quote === "'") return text.replaceAll("'", "''");
  const inDouble = JSON.stringify(text);
  return caret.quote === '"' ? inDouble.slice(1, -1) : plainOrQuoted(text);
}

function gapped({ caret, document }: CompletionScene, text: string): string {
  const before = document.text[caret.word.start - 1];
  return caret.quote === '' && before === ':' ? ` ${text}` : text;
}
