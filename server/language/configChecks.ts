/** Checks of a config that need no file: what contradicts itself, or has no effect. */
import type { BaselineSettings, OptimiserSettings, ResolvedConfig } from '../contract/config';
import { SEARCHED_SUBJECT } from '../contract/events';
import type { TextSpan } from '../contract/problem';
import type { Report } from './report';
import type { Config } from './schema';
import { isTask } from '../models/tasks';
import { checkLra, LRA_PATH } from './lraChecks';
import { checkMad, MAD_PATH } from './madChecks';
import { checkMixture, openBlocks } from './mixtureChecks';
import { checkProgram } from './programChecks';
import { checkPretraining, PRETRAIN } from './pretrainChecks';
import { checkSource } from './sourceChecks';

export function checkConfigAlone(report: Report, written: Config, config: ResolvedConfig): void {
  checkComponents(report, written);
  checkHybrid(report, config);
  checkMixture(report, config);
  checkData(report, written, config);
  checkSearch(report, written, config);
  checkStages(report, config);
  checkPretraining(report, written, config);
}

function checkComponents(report: Report, written: Config): void {
  const names = Object.keys(written.components);
  if (names.length === 0) {
    report.add(['components'], {
      code: 'no-components',
      message: 'Name at least one component: `name: { source: ./models/some-model }`.',
      part: 'key',
    });
  }
  for (const name of names) {
    checkOrigin(report, name, written.components[name]!);
    checkStack(report, name, written.components[name]!);
  }
}

/** Subjects of a run's jobs beside its components, with what they stand for. */
export const RESERVED_SUBJECTS: Readonly<Record<string, string>> = {
  hybrid: 'the hybrid',
  uniform: 'the uniform baseline',
  [SEARCHED_SUBJECT]: 'the hybrid with searched α beside a programmed one',
};

function checkOrigin(report: Report, name: string, component: Config['components'][string]): void {
  const path = ['components', name];
  if (Object.hasOwn(RESERVED_SUBJECTS, name)) {
    report.add(path, {
      code: 'component-name',
      message: `\`${name}\` is what events and reports call ${RESERVED_SUBJECTS[name]!}: give the component another name.`,
      part: 'key',
    });
  }
  const scratch = (['family', 'config', 'stack', 'init'] as const).filter(
    (key) => component[key] !== undefined,
  );
  if (component.source !== undefined) {
    for (const key of scratch) {
      report.add([...path, key], {
        code: 'component-origin',
        message: `\`${name}\` has a \`source\`, so \`${key}\` must go; or delete \`source\` to build it from scratch.`,
        part: 'key',
      });
    }
    return;
  }
  if (scratch.length === 0) {
    report.add(path, {
      code: 'component-origin',
      message: `\`${name}\` needs a \`source\` (a model folder or \`hf:owner/name\`), or \`family\`, \`config\` and \`init: random\`.`,
      part: 'key',
    });
    return;
  }
  const missing = (['family', 'config', 'init'] as const).filter((key) => !scratch.includes(key));
  if (missing.length === 0) return;
  const needs = missing.map((key) => `\`${key === 'init' ? 'init: random' : key}\``).join(' and ');
  report.add(path, {
    code: 'component-origin',
    message: `\`${name}\` is built from scratch and needs ${needs} too.`,
    part: 'key',
    ...(missing.join() === 'init' ? initFix(report, [...path, 'family']) : {}),
  });
}

/** `stack` lists the layers of `family: stack`, and of no other. */
function checkStack(report: Report, name: string, component: Config['components'][string]): void {
  const path = ['components', name];
  const { family, stack, config, source } = component;
  if (stack !== undefined && family !== 'stack' && source === undefined) {
    report.add([...path, 'stack'], {
      code: 'stack-layers',
      message: `\`stack\` lists the layers of a component of \`family: stack\`; the layers of ${family === undefined ? 'any other' : `\`${family}\``} are its family's.`,
      part: 'key',
    });
  }
  if (family !== 'stack') return;
  if (stack === undefined && config !== undefined && !report.isLeftOut([...path, 'stack'])) {
    report.add([...path, 'family'], {
      code: 'stack-layers',
      message: `\`${name}\` needs \`stack\`: its layers in order, such as \`[mamba, { repeat: 4, layers: [attention, mamba] }]\`.`,
      part: 'value',
    });
  }
  if (stack !== undefined && config?.['layer_types'] !== undefined) {
    report.add([...path, 'config', 'layer_types'], {
      code: 'stack-layers',
      message: `\`stack\` says what the layers are: delete \`layer_types\`.`,
      part: 'key',
    });
  }
}

/** Writes `init: random` as a line of its own before a sibling; in `{ … }` as an entry before it. */
function initFix(report: Report, sibling: readonly string[]) {
  const span = report.span(sibling, 'key');
  const at: TextSpan = { start: span.start, end: span.start };
  const { text } = report.parsed.document;
  const indent = /[^\r\n]*$/.exec(text.slice(0, span.start))![0];
  const separator = /^ *$/.test(indent) ? `\n${indent}` : ', ';
  const edits = [{ span: at, text: `init: random${separator}` }];
  return { fixes: [{ title: 'Add init: random', edits }] };
}

function checkHybrid(report: Report, config: ResolvedConfig): void {
  const names = Object.keys(config.components);
  const { hybrid } = config;
  if (report.isWritten(['hybrid', 'tokenizer'])) {
    report.checkComponent(['hybrid', 'tokenizer'], 'value', hybrid.tokenizer, names);
  }
  const unused = hybrid.gate === 'none' ? '`gate: none` uses no projectors' : undefined;
  const kindless = hybrid.projectors.kind === 'none' ? '`kind: none` has no weights' : undefined;
  if (unused && hybrid.projectors.kind !== 'none' && report.isWritten(['hybrid', 'projectors'])) {
    report.noEffect(['hybrid', 'projectors'], unused);
  }
  if (!unused && kindless) {
    for (const key of ['init', 'from', 'pretrain'])
      report.noEffect(['hybrid', 'projectors', key], kindless);
  }
}

function checkData(report: Report, written: Config, config: ResolvedConfig): void {
  const task = isTask(config.data.train) ? config.data.train : undefined;
  if (task) {
    if (task.kind === 'mad') checkMad(report, written, config, task);
    else checkLra(report, written, config, task);
    for (const key of ['field', 'prompt', 'input', 'response', 'template']) {
      report.noEffect(['data', 'train', key], 'a task has no fields');
    }
    return;
  }
  const isLeftOut = report.isLeftOut(MAD_PATH) || report.isLeftOut(LRA_PATH);
  if (written.data.context === undefined && !report.isBroken && !isLeftOut) {
    report.add(['data', 'context'], {
      code: 'missing-key',
      message: '`data` needs `context`: tokens predicted in each sequence.',
      part: 'key',
    });
  }
  for (const split of ['train', 'validation', 'test'] as const) {
    const source = written.data[split];
    if (typeof source !== 'object') continue;
    checkSource(report, ['data', split], source);
  }
  const { train, validation, test } = config.data;
  for (const [split, source] of Object.entries({ validation, test })) {
    if (typeof source !== 'object' || isTask(source) || isTask(train)) continue;
    if (source.path !== train.path || train.path === '') continue;
    report.add(['data', split, source.kind], {
      code: 'same-data',
      severity: 'warning',
      message: `\`${split}\` is the training file: its loss would measure what was learnt by heart. Name another file.`,
    });
  }
}

function checkSearch(report: Report, written: Config, config: ResolvedConfig): void {
  const { search } = config;
  if (written.search.seed !== undefined && written.search.seeds !== undefined) {
    report.add(['search', 'seeds'], {
      code: 'seed-and-seeds',
      message: '`seed` and `seeds` exclude each other: delete one of them.',
      part: 'key',
    });
  }
  search.seeds.forEach((seed, index) => {
    if (search.seeds.indexOf(seed) === index) return;
    report.add(['search', 'seeds', String(index)], {
      code: 'same-seed',
      message: `The seed ${seed} is listed twice, and the same run twice says nothing about its spread: delete one.`,
    });
  });
  if (search.algorithm === 'fixed') {
    for (const key of ['alphaLearningRate', 'schedule', 'cost']) {
      report.noEffect(['search', key], '`algorithm: fixed` searches no α');
    }
  }
  if (search.algorithm !== 'dash') {
    report.noEffect(['search', 'temperature'], 'it belongs to `algorithm: dash`');
  }
  if (search.schedule !== 'bilevel') {
    report.noEffect(['search', 'heldOut'], 'it belongs to `schedule: bilevel`');
  }
  checkFinalRate(report, ['search'], search);
  if (config.program) checkProgram(report, written.program!, config, config.program);
  else checkFree(report, config);
}

/** What a fine-tuning takes over from the search is said at what it writes itself. */
function checkFinalRate(
  report: Report,
  stage: readonly string[],
  { decay, learningRate, finalLearningRate }: OptimiserSettings,
): void {
  const at = [...stage, 'finalLearningRate'];
  if (decay === 'none') report.noEffect(at, '`decay: none` keeps the rate at its peak');
  if (decay === 'none' || finalLearningRate <= learningRate) return;
  const own = ['finalLearningRate', 'learningRate'].find((key) =>
    report.isWritten([...stage, key]),
  );
  if (stage[0] === 'finetune' && own === undefined) return;
  report.add([...stage, own ?? 'finalLearningRate'], {
    code: 'final-rate-above-peak',
    message: `The rate would rise from ${learningRate} to \`finalLearningRate: ${finalLearningRate}\`, and a decay falls: take at most ${learningRate}.`,
    ...report.replacing(at, `Change to ${learningRate}`, String(learningRate)),
  });
}

/** Blocks of which the search has anything to choose; `fixed` wants none, the others some. */
function checkFree(report: Report, config: ResolvedConfig): void {
  const { search, hybrid } = config;
  const count = Object.keys(config.components).length;
  const open = openBlocks(config);
  const at = report.isWritten(['search', 'algorithm']) ? ['search', 'algorithm'] : ['search'];
  const part = at.length === 1 ? 'key' : 'value';
  if (search.algorithm === 'fixed') {
    const without = open.filter((block) => hybrid.mixture[block]?.init === undefined);
    if (without.length === 0) return;
    const which = `block${without.length > 1 ? 's' : ''} ${without.slice(0, 8).join(', ')}${without.length > 8 ? '…' : ''}`;
    report.add(at, {
      code: 'fixed-without-alphas',
      message: `\`algorithm: fixed\` needs the α of every block: give ${which} a \`pin\` under \`hybrid.mixture\`.`,
      part,
    });
  } else if (open.length === 0 && count > 1) {
    report.add(at, {
      code: 'nothing-to-search',
      severity: 'warning',
      message: `Every block is pinned or has one component, so \`${search.algorithm}\` has nothing to choose: write \`algorithm: fixed\`.`,
      part,
    });
  } else if (count === 1 && search.schedule !== 'simultaneous') {
    report.add(['search', 'schedule'], {
      code: 'nothing-to-search',
      severity: 'warning',
      message: `With one component there is no α to learn, and \`${search.schedule}\` would spend batches on it: use \`simultaneous\`.`,
      ...report.replacing(['search', 'schedule'], 'Change to simultaneous', 'simultaneous'),
    });
  }
}

function checkBaselines(report: Report, baselines: BaselineSettings, components: number): void {
  const { stacks, uniform } = baselines;
  const isSame = components === 1 && (baselines.components || uniform || !stacks);
  if (isSame) {
    const why = 'With one component its baseline is the same run again';
    report.add(['baselines'], {
      code: 'no-effect',
      severity: 'warning',
      message: stacks
        ? `${why}: write \`components: false\`${uniform ? ', and delete `uniform`' : ''}.`
        : `${why}: delete \`baselines\`.`,
      part: 'key',
      ...(stacks ? report.replacing(['baselines', 'components'], 'Change to false', 'false') : {}),
    });
  } else if (!baselines.components && !uniform && !stacks) {
    report.noEffect(['baselines'], 'none of `components`, `uniform` and `stacks` is asked for');
  }
}

function checkStages(report: Report, config: ResolvedConfig): void {
  const count = Object.keys(config.components).length;
  const { finetune, baselines, engine } = config;
  if (finetune) checkFinalRate(report, ['finetune'], finetune);
  if (config.program) checkFinalRate(report, ['program'], config.program.training);
  const { pretrain } = config.hybrid.projectors;
  if (pretrain) checkFinalRate(report, PRETRAIN, pretrain);
  if (finetune && typeof finetune.alphas === 'object' && finetune.alphas.threshold > 1 / count) {
    report.add(['finetune', 'alphas', 'threshold'], {
      code: 'threshold-high',
      message: `A threshold above 1/${count} could drop every component of a block: take ${Number((1 / count).toFixed(4))} or less.`,
    });
  }
  if (baselines) checkBaselines(report, baselines, count);
  if (engine.memoryLimit !== undefined && engine.memoryLimit < 1 << 20) {
    report.add(['engine', 'memoryLimit'], {
      code: 'memory-limit',
      message:
        'Less than 1 MiB holds no model: a plain number counts bytes, or write such as `4 GB`.',
    });
  }
}
