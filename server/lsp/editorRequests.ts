/** Requests of the client about configs, beside the protocol's: models at hand, a new config, an edit of the mixture. */
import path from 'node:path';
import type { CancellationToken } from 'vscode-languageserver';
import { LSPErrorCodes, ResponseError } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { z } from 'zod';
import { loadConfig } from '../commands/configFile';
import type { EditorRequests, Outcome, TextChange, UserError } from '../contract/editor';
import type { CheckedConfig } from '../language/checkConfig';
import { mixtureEdit } from '../language/editor/mixtureEdit';
import { mixtureObstacle } from '../language/editor/mixtureState';
import { newConfigText, type NewConfigModel } from '../language/editor/newConfig';
import { familyForConfig } from '../models/families';
import type { ModelFinding } from '../models/modelReader';
import type { LanguageContext } from './context';
import { silentReader } from './disk/diskReader';
import { editOf } from './positions';
import { pathOf } from './workspace';

type Answer<M extends keyof EditorRequests> = Promise<EditorRequests[M][1]>;

const text = z.string().max(4096);
const modelsParams = z.object({ folder: text });
const newConfigParams = z.object({ folder: text, sources: z.array(text).min(1).max(32) });
const mixtureParams = z.object({ uri: text, dir: text });

const refusal = (code: string, message: string, hint: string) => ({
  ok: false as const,
  error: { code, message, hint },
});
const badRequest = refusal(
  'bad-request',
  'The editor asked for something that the language server does not understand.',
  'Reload the window; if that does not help, install the extension again.',
);

export function registerEditorRequests(context: LanguageContext): void {
  answer(context, 'manticore/models', modelsParams, ({ folder }) => models(context, folder));
  answer(context, 'manticore/newConfig', newConfigParams, ({ folder, sources }) =>
    newConfig(context, folder, sources),
  );
  answer(context, 'manticore/mixtureEdit', mixtureParams, ({ uri, dir }) =>
    mixture(context, uri, dir),
  );
}

/** A handler that checks what arrives. Bugs are logged and answered, so that the client can say so. */
function answer<P, T>(
  { connection, failed }: LanguageContext,
  method: keyof EditorRequests,
  schema: z.ZodType<P>,
  handle: (params: P) => Promise<Outcome<T>>,
): void {
  connection.onRequest(
    method,
    async (given: unknown, token: CancellationToken): Promise<Outcome<T>> => {
      const params = schema.safeParse(given);
      if (!params.success) return badRequest;
      const outcome = await handle(params.data).catch((error: unknown) => {
        failed(method, error);
        throw error;
      });
      if (token.isCancellationRequested) {
        throw new ResponseError(LSPErrorCodes.RequestCancelled, 'The request was cancelled.');
      }
      return outcome;
    },
  );
}

/** What may be read for a config in this folder. */
const placeIn = ({ workspace }: LanguageContext, folder: string) =>
  workspace.placeOfPath(path.join(path.resolve(folder), 'new.manticore.yaml'));

async function models(context: LanguageContext, folder: string): Answer<'manticore/models'> {
  const place = placeIn(context, folder);
  if (place.reads !== 'disk') return { ok: true, value: [] };
  const root = context.workspace.folderOf(place.base) ?? place.base;
  const reply = await context.disk.ask('choices', { folder: place.base, root }, place.within);
  if (reply.kind === 'answer') return { ok: true, value: reply.value };
  return refusal(
    'models-unread',
    `Looking for models in ${root} failed or took too long.`,
    'Check that its disk or network folder answers, or write the config by hand.',
  );
}

async function newConfig(
  context: LanguageContext,
  folder: string,
  sources: readonly string[],
): Answer<'manticore/newConfig'> {
  const place = placeIn(context, folder);
  const reader = context.checker.readerFor(place);
  const described: NewConfigModel[] = [];
  for (const source of sources) {
    const model = describe(source, await reader.readModel(source, place.base));
    if ('error' in model) return { ok: false, error: model.error };
    described.push(model.model);
  }
  return { ok: true, value: newConfigText(described) };
}

function describe(
  source: string,
  finding: ModelFinding,
): { readonly model: NewConfigModel } | { readonly error: UserError } {
  const unusable = (why: string, hint: string) => ({
    error: { code: 'unusable-model', message: `${source} can’t be used: ${why}`, hint },
  });
  switch (finding.kind) {
    case 'found': {
      const table = familyForConfig(finding.config);
      const read = table?.read(finding.config);
      if (!read?.value) {
        const why = read?.problems[0]?.message ?? 'its family isn’t supported.';
        return unusable(why, 'Choose another model.');
      }
      const { layers, maxPositions, family, settings } = read.value;
      const trained = settings['trainedPositions'];
      const limits = [maxPositions, typeof trained === 'number' ? trained : undefined];
      const known = limits.filter((limit) => limit !== undefined);
      const positions = known.length > 0 ? Math.min(...known) : undefined;
      return { model: { source, layers, positions, family } };
    }
    case 'missing':
      return unusable(
        `there is no ${path.join(finding.path, finding.file ?? '')}.`,
        'Choose a folder with config.json, safetensors weights and tokenizer.json.',
      );
    case 'damaged':
      return unusable(finding.message, 'Choose another model.');
    case 'pickleOnly':
      return unusable(
        'its weights are pickles, which can run any code and are never read.',
        finding.suggestion === undefined
          ? 'Convert them to safetensors, or choose another model.'
          : `Use ${finding.suggestion}.`,
      );
    case 'notCached':
      return unusable(
        'it isn’t on this machine yet.',
        'Download it first (Manticore: Download Model…).',
      );
    case 'invalid':
      return unusable(finding.message, 'Check its name.');
    case 'pending':
      return unusable('its folder did not answer.', 'Try again.');
  }
}

async function mixture(
  context: LanguageContext,
  uri: string,
  dir: string,
): Answer<'manticore/mixtureEdit'> {
  const marks = await context.runs.marksOf(dir);
  if (!marks.ok) return marks;
  const open = await context.checker.snapshot(uri);
  if (open) {
    const { version, lines, checked } = open;
    const obstacle = mixtureObstacle(checked, marks.value);
    if (obstacle !== undefined) return cantBeWritten(obstacle);
    return { ok: true, value: { version, changes: changesOf(checked, lines, marks.value) } };
  }
  const file = pathOf(uri);
  if (file === undefined) {
    return refusal('no-config', `${uri} is not open.`, 'Open the config, then write to it.');
  }
  // An edit is of the text alone.
  const checked = await loadConfig(file, silentReader);
  const unread = checked.problems.find(({ code }) => code === 'unreadable-config');
  if (unread) return refusal('no-config', unread.message, 'Open the config, then write to it.');
  const obstacle = mixtureObstacle(checked, marks.value);
  if (obstacle !== undefined) return cantBeWritten(obstacle);
  const lines = TextDocument.create(uri, 'manticore', 0, checked.text);
  return { ok: true, value: { version: null, changes: changesOf(checked, lines, marks.value) } };
}

const cantBeWritten = (obstacle: string) =>
  refusal('mixture-not-written', obstacle, 'Mend the config, then write to it again.');

function changesOf(
  checked: CheckedConfig,
  lines: TextDocument,
  marks: Parameters<typeof mixtureEdit>[1],
): readonly TextChange[] {
  return mixtureEdit(checked, marks).map((edit) => editOf(lines, edit));
}
