/** Show Engines and Install Engine. */
import { ThemeIcon, window, type QuickInputButton, type QuickPickItem } from 'vscode';
import type { EngineReport } from '../../server/contract/engine';
import type { Extension } from '../extension';
import { escapeIcons } from '../text/escape';
import { engineRows, engineText } from '../text/jobText';
import { runJob } from './runJob';
import { mayRun } from './tell';

/** What is not in the package, and can be had. */
const installable = [
  {
    name: 'webgpu',
    what: 'Dawn: the GPU of any maker, by the driver that is there',
    size: 'some 130 megabytes',
  },
  {
    name: 'tensorflow',
    what: 'TensorFlow: an NVIDIA GPU, or all of the processor',
    size: '0.3 GB, or 3.4 GB with CUDA for an NVIDIA GPU',
  },
] as const;

type Choice = 'text' | { readonly install: string } | undefined;

/** Show Engines: what computes here and how fast; Enter shows it all as text, a button installs what is missing. */
export async function showEngines(extension: Extension): Promise<void> {
  if (!(await mayRun('Measuring engines'))) return;
  const engines = await runJob(extension, 'measuring engines', (job, token) =>
    extension.server.request('manticore/engines', { job }, token),
  );
  if (engines === undefined) return;
  const choice = await pickEngine(engines);
  if (choice === undefined) return;
  if (choice === 'text') await extension.texts.show('engines.txt', engineText(engines));
  else await installEngine(extension, choice.install);
}

function pickEngine(engines: readonly EngineReport[]): Promise<Choice> {
  const install: QuickInputButton = {
    iconPath: new ThemeIcon('cloud-download'),
    tooltip: 'Install this engine',
  };
  const pick = window.createQuickPick<QuickPickItem & { name: string }>();
  pick.title = 'Engines on This Machine';
  pick.placeholder = 'Enter shows the measures as text';
  pick.matchOnDetail = true;
  pick.items = engineRows(engines)
    .toSorted((a, b) => Number(b.available) - Number(a.available))
    .map(({ name, available, line }) => ({
      label: `$(${available ? 'pass' : 'circle-slash'}) ${escapeIcons(name)}`,
      detail: escapeIcons(line),
      name,
      buttons: !available && installable.some((engine) => engine.name === name) ? [install] : [],
    }));
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      resolve('text');
      pick.hide();
    });
    pick.onDidTriggerItemButton(({ item }) => {
      resolve({ install: item.name });
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}

/** Install Engine: a large engine, into the user's own cache folder. */
export async function installEngine(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Installing an engine'))) return;
  const items = installable.map(({ name, what, size }) => ({
    label: name,
    description: what,
    detail: `${size}, into your own cache folder; the workspace is not touched`,
    name,
  }));
  const chosen =
    items.find(({ name }) => name === argument) ??
    (await window.showQuickPick(items, { title: 'Install Engine', placeHolder: 'Which engine?' }));
  if (chosen === undefined) return;
  const done = await runJob(extension, `installing ${chosen.name}`, (job, token) =>
    extension.server.request('manticore/installEngine', { job, name: chosen.name }, token),
  );
  if (done === undefined) return;
  extension.log.info(`${chosen.name} is installed in ${done.where}.`);
  const show = 'Show Engines';
  const next = await window.showInformationMessage(`${chosen.name} is installed.`, show);
  if (next === show) await showEngines(extension);
}
