/** Generate Text, Export Hybrid, Download Model. */
import { Uri, commands, env, window, workspace, type QuickPickItem } from 'vscode';
import type { ExportFormat, ExportType } from '../../server/contract/jobs';
import type { Extension } from '../extension';
import { escapeIcons, messageText, plainText } from '../text/escape';
import { hubSource } from '../text/modelId';
import { askHubModel } from './askHubModel';
import { chooseRun } from './choose';
import { freePath } from './files';
import { runJob } from './runJob';
import { mayRun, tellError } from './tell';

/** Generate Text: the prompt and what follows grow in a read-only document. */
export async function generateText(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Generating text'))) return;
  const run = await chooseRun(extension, argument, 'result', 'Generate Text');
  if (run === undefined) return;
  const prompt = await window.showInputBox({
    title: `Generate Text with ${run.name}`,
    prompt: 'What the text begins with. Enter generates.',
    value: extension.context.workspaceState.get('prompt', ''),
    placeHolder: 'Once upon a time',
    validateInput: (text) =>
      text === '' ? 'Write at least a word for the text to begin with.' : undefined,
  });
  if (prompt === undefined || prompt === '') return;
  await extension.context.workspaceState.update('prompt', prompt);
  const growing = extension.texts.grow('generated', '.txt', prompt);
  try {
    const done = await runJob(
      extension,
      `generating with ${plainText(run.name, 60)}`,
      (job, token) =>
        extension.server.request(
          'manticore/generate',
          { job, dir: run.dir, prompt, maxTokens: 200, temperature: 0.8, topP: 0.95, seed: seed() },
          token,
        ),
      (message) => {
        if (message.type === 'text') growing.append(message.text);
      },
    );
    if (done === undefined) return;
    const rate = done.tokensPerSecond.toFixed(0);
    growing.append(`\n\n— ${done.tokens} tokens, ${rate} a second\n`);
  } finally {
    growing.dispose();
  }
}

/** Another text each time; written nowhere, so any will do. */
const seed = (): number => Math.floor(Math.random() * 2 ** 31);

/** Export Hybrid: the hybrid or one component of it, in the layout of Hugging Face. */
export async function exportHybrid(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Exporting'))) return;
  const run = await chooseRun(extension, argument, 'result', 'Export Hybrid');
  if (run === undefined) return;
  const exported = await askExported(extension, run.dir);
  if (exported === undefined) return;
  const dtype = await askDtype();
  if (dtype === undefined) return;
  const [parent] =
    (await window.showOpenDialog({
      title: 'Export into which folder?',
      openLabel: 'Export Here',
      canSelectFiles: false,
      canSelectFolders: true,
      ...(workspace.workspaceFolders?.[0] === undefined
        ? {}
        : { defaultUri: workspace.workspaceFolders[0].uri }),
    })) ?? [];
  if (parent === undefined) return;
  const stem = (exported.name ?? run.name).replace(/[^\w.-]+/gu, '-').replace(/^[.-]+/u, '');
  const to = await freePath(parent, stem === '' ? 'manticore' : stem);
  const done = await runJob(extension, `exporting ${plainText(run.name, 60)}`, (job, token) =>
    extension.server.request(
      'manticore/export',
      {
        job,
        dir: run.dir,
        to: to.fsPath,
        component: exported.name,
        format: exported.format,
        dtype,
      },
      token,
    ),
  );
  if (done === undefined) return;
  const reveal = env.remoteName === undefined ? 'Show in Folder' : 'Copy Path';
  const chosen = await window.showInformationMessage(
    messageText(`Exported ${done.files.length} files to ${done.path}.`, 800),
    reveal,
  );
  if (chosen === 'Copy Path') await env.clipboard.writeText(done.path);
  if (chosen === 'Show in Folder') {
    await commands.executeCommand('revealFileInOS', Uri.file(done.path));
  }
}

/** The whole hybrid (`name: undefined`) or a component; `undefined` where nothing was chosen. */
async function askExported(
  extension: Extension,
  dir: string,
): Promise<{ readonly name: string | undefined; readonly format: ExportFormat } | undefined> {
  const snapshot = await extension.server.request('manticore/runSnapshot', { dir });
  if (!snapshot.ok) {
    await tellError(snapshot.error);
    return undefined;
  }
  type Choice = QuickPickItem & { name: string | undefined; format: ExportFormat };
  const items: Choice[] = [
    {
      label: '$(combine) The hybrid',
      description: 'all that is live, with its mixture',
      name: undefined,
      format: 'manticore',
    },
    {
      label: '$(combine) The hybrid, for transformers',
      description: 'with a model card and the Python that runs it there',
      name: undefined,
      format: 'transformers',
    },
    ...(snapshot.value.plan?.components ?? []).map(({ name, family }) => ({
      label: `$(symbol-module) ${escapeIcons(name)}`,
      description: `${escapeIcons(family)}, alone, in its family’s own layout`,
      name,
      format: 'manticore' as const,
    })),
  ];
  return window.showQuickPick(items, { title: 'Export Hybrid', placeHolder: 'What to export?' });
}

async function askDtype(): Promise<ExportType | undefined> {
  const items: (QuickPickItem & { dtype: ExportType })[] = [
    { label: 'F32', description: 'as it was computed', dtype: 'F32' },
    { label: 'F16', description: 'half the size', dtype: 'F16' },
    { label: 'BF16', description: 'half the size, the range of F32', dtype: 'BF16' },
  ];
  const chosen = await window.showQuickPick(items, {
    title: 'Export Hybrid',
    placeHolder: 'Which number format?',
  });
  return chosen?.dtype;
}

/** Download Model: into the hub's shared cache. `argument`: `hf:owner/name[@revision]`. */
export async function downloadModel(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Downloading a model'))) return;
  const given = typeof argument === 'string' ? hubSource(argument) : undefined;
  const source =
    given !== undefined && 'source' in given
      ? given.source
      : await askHubModel('Download Model', 'state-spaces/mamba-130m-hf');
  if (source === undefined) return;
  const done = await runJob(extension, `downloading ${source}`, (job, token) =>
    extension.server.request('manticore/download', { job, source }, token),
  );
  if (done === undefined) return;
  extension.log.info(`${source} is in ${done.path}.`);
  await window.showInformationMessage(
    `${source} is downloaded. Configs can name it as its source.`,
  );
}
