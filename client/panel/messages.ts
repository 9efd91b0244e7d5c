/** What the weights panel may say, checked: its page is as little trusted as any other. Pure. */
import type { BlockControl } from '../../server/contract/control';
import type { Stage, Where } from '../../server/contract/events';
import type { PanelState, PanelToHost } from '../../server/contract/panel';

type Fields = Readonly<Record<string, unknown>>;

const stages: readonly Stage[] = ['projectors', 'search', 'finetune', 'baseline', 'program'];
const panelCommands = [
  'stop',
  'checkpointAndStop',
  'pause',
  'resume',
  'openReport',
  'openConfig',
  'showLog',
  'writeToConfig',
  'generate',
] as const;
const saveFormats = ['svg', 'png', 'csv'] as const;

/** Longest picture or table that is saved, in characters. */
const saveLimit = 64 * 1024 * 1024;
const nameLimit = 200;
const componentLimit = 64;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown, least: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= least;

const isText = (value: unknown, limit: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= limit;

const oneOf = <T extends string>(values: readonly T[], value: unknown): value is T =>
  (values as readonly unknown[]).includes(value);

function whereOf(value: unknown): Where | undefined {
  if (!isFields(value)) return undefined;
  const { stage, subject, seed } = value;
  if (!oneOf(stages, stage) || !isText(subject, nameLimit)) return undefined;
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed)) return undefined;
  return { stage, subject, seed };
}

function weightsOf(value: unknown): Record<string, number> | undefined {
  if (!isFields(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length === 0 || entries.length > componentLimit) return undefined;
  // `fromEntries` defines properties, so that even `__proto__` is only a name.
  const weights: [string, number][] = [];
  for (const [name, weight] of entries) {
    if (!isText(name, nameLimit) || typeof weight !== 'number') return undefined;
    if (!Number.isFinite(weight) || weight < 0 || weight > 1) return undefined;
    weights.push([name, weight]);
  }
  return Object.fromEntries(weights);
}

function controlOf(value: unknown): BlockControl | undefined {
  if (!isFields(value) || !isCount(value['block'], 1)) return undefined;
  const block = value['block'];
  switch (value['action']) {
    case 'pin': {
      const weights = weightsOf(value['weights']);
      return weights && { action: 'pin', block, weights };
    }
    case 'unpin':
      return { action: 'unpin', block };
    case 'prune':
    case 'restore':
      return isText(value['component'], nameLimit)
        ? { action: value['action'], block, component: value['component'] }
        : undefined;
    default:
      return undefined;
  }
}

/** The message, with nothing in it but what its type names; `undefined` where it fits none. */
export function panelMessage(value: unknown): PanelToHost | undefined {
  if (!isFields(value)) return undefined;
  switch (value['type']) {
    case 'ready':
      return { type: 'ready' };
    case 'alphasAt': {
      const where = whereOf(value['where']);
      const step = value['step'];
      return where && isCount(step, 0) ? { type: 'alphasAt', where, step } : undefined;
    }
    case 'loss':
      return lossMessage(value);
    case 'control': {
      const control = controlOf(value['control']);
      const request = value['request'];
      return control && isCount(request, 0) ? { type: 'control', request, control } : undefined;
    }
    case 'command':
      return oneOf(panelCommands, value['command'])
        ? { type: 'command', command: value['command'] }
        : undefined;
    case 'save': {
      const { format, name, data } = value;
      return oneOf(saveFormats, format) && isText(name, nameLimit) && isText(data, saveLimit)
        ? { type: 'save', format, name, data }
        : undefined;
    }
    default:
      return undefined;
  }
}

function lossMessage(value: Fields): PanelToHost | undefined {
  const where = whereOf(value['where']);
  const { fromStep, toStep, maxPoints } = value;
  if (!where || !isCount(fromStep, 0) || !isCount(toStep, 0) || !isCount(maxPoints, 2)) {
    return undefined;
  }
  if (fromStep > toStep || maxPoints > 20_000) return undefined;
  return { type: 'loss', where, fromStep, toStep, maxPoints };
}

/** What a panel kept over a reload; `undefined` where it can't be its own. */
export function panelState(value: unknown): PanelState | undefined {
  if (!isFields(value) || value['version'] !== 1 || !isText(value['dir'], 4096)) return undefined;
  const where = value['where'] === undefined ? undefined : whereOf(value['where']);
  const step = isCount(value['step'], 0) ? value['step'] : undefined;
  const view = value['view'] === 'table' ? 'table' : 'heatmap';
  return { version: 1, dir: value['dir'], where, step, view };
}

/** A message that fits no type, short enough for the log. */
export function describeRefused(value: unknown): string {
  const type = isFields(value) ? value['type'] : undefined;
  return typeof type === 'string'
    ? `of type ${JSON.stringify(type.slice(0, 40))}`
    : `(${typeof value})`;
}
