/** Pin, unpin, prune and restore by the keyboard: which block, which component, what weights. */
import { window, type QuickPickItem } from 'vscode';
import type { BlockControl } from '../../server/contract/control';
import type { Extension } from '../extension';
import { blockStates, blockSummary, parseWeights, type BlockState } from '../runs/blockState';
import { escapeIcons } from '../text/escape';
import { chooseRun } from './choose';
import { control } from './control';
import { mayRun, tellError } from './tell';

interface Action {
  readonly title: string;
  readonly offers: (state: BlockState) => boolean;
  /** Said where no block qualifies. */
  readonly none: string;
  readonly ask: (state: BlockState) => Promise<BlockControl | undefined>;
}

const live = (state: BlockState) => state.components.filter((component) => component.live);

const pin: Action = {
  title: 'Pin Block',
  offers: () => true,
  none: 'This run has no block to pin.',
  ask: askPin,
};
const unpin: Action = {
  title: 'Unpin Block',
  offers: ({ pinned }) => pinned,
  none: 'No block of this run is pinned.',
  ask: ({ block }) => Promise.resolve({ action: 'unpin', block }),
};
const prune: Action = {
  title: 'Prune Block',
  offers: (state) => live(state).length > 1,
  none: 'Every block has one component left, and the last one stays.',
  ask: async (state) => {
    const component = await pickComponent(
      state,
      live(state).map(({ name }) => name),
      'Which component leaves this block?',
    );
    return component === undefined ? undefined : { action: 'prune', block: state.block, component };
  },
};
const restore: Action = {
  title: 'Restore Component',
  offers: (state) => live(state).length < state.components.length,
  none: 'Nothing is pruned in this run.',
  ask: async (state) => {
    const pruned = state.components.filter((component) => !component.live).map(({ name }) => name);
    const component = await pickComponent(state, pruned, 'Which component comes back?');
    return component === undefined
      ? undefined
      : { action: 'restore', block: state.block, component };
  },
};

export const pinBlock = act(pin);
export const unpinBlock = act(unpin);
export const pruneBlock = act(prune);
export const restoreComponent = act(restore);

function act(action: Action) {
  return async (extension: Extension, argument: unknown): Promise<void> => {
    if (!(await mayRun('Controlling a search'))) return;
    const run = await chooseRun(extension, argument, 'active', action.title);
    if (run === undefined) return;
    const snapshot = await extension.server.request('manticore/runSnapshot', { dir: run.dir });
    if (!snapshot.ok) {
      await tellError(snapshot.error);
      return;
    }
    const states = blockStates(snapshot.value).filter(action.offers);
    if (states.length === 0) {
      await window.showInformationMessage(action.none);
      return;
    }
    const state = await pickBlock(states, action.title);
    const request = state && (await action.ask(state));
    if (request !== undefined) {
      await control(extension, run.dir, request, `${action.title} ${request.block} of ${run.name}`);
    }
  };
}

async function pickBlock(
  states: readonly BlockState[],
  title: string,
): Promise<BlockState | undefined> {
  const items = states.map((state) => ({
    label: `Block ${state.block}`,
    description: escapeIcons(blockSummary(state)),
    detail: state.pinned ? '$(pinned) pinned' : '',
    state,
  }));
  const chosen = await window.showQuickPick(items, { title, placeHolder: 'Which block?' });
  return chosen?.state;
}

async function pickComponent(
  state: BlockState,
  names: readonly string[],
  placeHolder: string,
): Promise<string | undefined> {
  const items = names.map((name) => ({ label: escapeIcons(name), name }));
  const chosen = await window.showQuickPick(items, { title: `Block ${state.block}`, placeHolder });
  return chosen?.name;
}

async function askPin(state: BlockState): Promise<BlockControl | undefined> {
  const { block } = state;
  type Choice = QuickPickItem & { weights: Readonly<Record<string, number>> | undefined };
  const whole: Choice[] = live(state).map(({ name, alpha }) => ({
    label: `$(pinned) ${escapeIcons(name)}`,
    description: alpha === undefined ? '' : `α ${alpha.toFixed(2)} now`,
    weights: { [name]: 1 },
  }));
  const written: Choice = {
    label: '$(edit) Weights…',
    description: 'for example neox=0.7 mamba=0.3',
    weights: undefined,
  };
  const chosen = await window.showQuickPick([...whole, written], {
    title: `Pin Block ${block}`,
    placeHolder: 'To which component?',
  });
  if (chosen === undefined) return undefined;
  const weights = chosen.weights ?? (await askWeights(state));
  return weights && { action: 'pin', block, weights };
}

async function askWeights(
  state: BlockState,
): Promise<Readonly<Record<string, number>> | undefined> {
  const text = await window.showInputBox({
    title: `Pin Block ${state.block}`,
    prompt: 'A weight for each component that counts; they sum to 1.',
    value: live(state)
      .map(({ name, alpha }) => `${name}=${(alpha ?? 1 / live(state).length).toFixed(2)}`)
      .join(' '),
    validateInput: (value) => {
      const parsed = parseWeights(value, state);
      return 'problem' in parsed ? parsed.problem : undefined;
    },
  });
  if (text === undefined) return undefined;
  const parsed = parseWeights(text, state);
  return 'weights' in parsed ? parsed.weights : undefined;
}
