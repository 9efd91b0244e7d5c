/** Checks of the components together: depths, positions, tokenizers. */
import type { ResolvedConfig } from '../contract/config';
import { isTask } from '../models/tasks';
import type { Headers, ReadableComponent } from './headers';
import { readable } from './headers';
import { LRA_PATH } from './lraChecks';
import { MAD_PATH } from './madChecks';
import type { Report } from './report';

export function checkHybridOf(report: Report, config: ResolvedConfig, headers: Headers): void {
  const components = headers.components.flatMap((component) => readable(component) ?? []);
  checkDepth(report, config, components);
  checkPositions(report, config, components);
  const isLeftOut = report.isLeftOut(MAD_PATH) || report.isLeftOut(LRA_PATH);
  if (!isTask(config.data.train) && !isLeftOut) checkTokenizers(report, config, headers);
}

function checkDepth(
  report: Report,
  config: ResolvedConfig,
  components: readonly ReadableComponent[],
): void {
  const { blocks } = config.hybrid;
  const shallow = components.filter(({ architecture }) => architecture.layers < blocks);
  if (shallow.length === 0) return;
  const names = shallow.map(
    ({ headers, architecture }) => `\`${headers.name}\` has ${architecture.layers}`,
  );
  const most = Math.min(...shallow.map(({ architecture }) => architecture.layers));
  report.add(['hybrid', 'blocks'], {
    code: 'too-many-blocks',
    message: `${blocks} blocks need at least ${blocks} layers in every component; ${names.join(', ')}. Take ${most} or fewer.`,
    ...report.replacing(['hybrid', 'blocks'], `Change to ${most}`, String(most)),
  });
}

function checkPositions(
  report: Report,
  config: ResolvedConfig,
  components: readonly ReadableComponent[],
): void {
  const { context } = config.data;
  const limited = components.flatMap(({ headers: { name }, architecture }) => {
    const { maxPositions, family } = architecture;
    // Of a stack it is the length of its Hyena filters, which is no known word for positions.
    const key = family === 'stack' ? ' (`max_seq_len`)' : '';
    return maxPositions === undefined ? [] : [{ name, maxPositions, key }];
  });
  const short = limited.filter(({ maxPositions }) => maxPositions < context);
  if (short.length > 0) {
    const most = Math.min(...short.map(({ maxPositions }) => maxPositions));
    const names = short.map(
      ({ name, maxPositions, key }) => `\`${name}\` has ${maxPositions}${key}`,
    );
    const task = isTask(config.data.train) ? config.data.train : undefined;
    report.add(task ? ['data', 'train', task.kind, 'length'] : ['data', 'context'], {
      code: 'context-above-positions',
      message: task
        ? `The task has ${context} positions; ${names.join(', ')}. Take a shorter \`length\`, or give the component more positions.`
        : `A context of ${context} needs as many positions; ${names.join(', ')}. Take ${most} or less.`,
      ...(task ? {} : report.replacing(['data', 'context'], `Change to ${most}`, String(most))),
    });
  }
  warnOfUntrainedPositions(report, config, components);
  warnOfPrunedPositions(report, config, components);
}

/** Rotary positions have no end, but beyond those of the pretraining a model has never seen their angles. */
function warnOfUntrainedPositions(
  report: Report,
  config: ResolvedConfig,
  components: readonly ReadableComponent[],
): void {
  const { context } = config.data;
  for (const { headers, architecture } of components) {
    const trained = architecture.settings['trainedPositions'];
    if (!headers.model || typeof trained !== 'number' || trained >= context) continue;
    report.add(['data', 'context'], {
      code: 'context-above-training',
      severity: 'warning',
      message: `\`${headers.name}\` was pretrained on at most ${trained} positions, and reads longer contexts badly: take ${trained} or less, unless the search is long enough to teach it.`,
    });
  }
}

/** Absolute positions enter with group 1 only. */
function warnOfPrunedPositions(
  report: Report,
  config: ResolvedConfig,
  components: readonly ReadableComponent[],
): void {
  const prune = config.hybrid.mixture['1']?.prune ?? [];
  for (const { headers, table, architecture } of components) {
    const index = prune.indexOf(headers.name);
    const isElsewhere = Array.from(
      { length: config.hybrid.blocks - 1 },
      (_, block) => block + 2,
    ).some((block) => !config.hybrid.mixture[block]?.prune.includes(headers.name));
    const hasTable = table
      .tensors(architecture, 1)
      .some((tensor) => tensor.place.kind === 'positions');
    if (index < 0 || !isElsewhere || !hasTable) continue;
    const key = report.isWritten(['hybrid', 'mixture', '1']) ? '1' : 'all';
    report.add(['hybrid', 'mixture', key, 'prune', String(index)], {
      code: 'positions-pruned',
      severity: 'warning',
      message: `\`${headers.name}\` adds its positions in block 1: without that, its later groups of layers don’t know the order of the tokens. Prune it from them too, or keep it here.`,
    });
  }
}

function checkTokenizers(report: Report, config: ResolvedConfig, headers: Headers): void {
  const chosen = headers.components.find(({ name }) => name === config.hybrid.tokenizer);
  if (!chosen) return;
  if (!chosen.tokenizer) {
    if (!config.components[chosen.name]!.scratch) return;
    report.add(['components', chosen.name], {
      code: 'no-tokenizer',
      message: `\`${chosen.name}\` gives the hybrid its tokenizer and is built from scratch: add \`tokenizer: <folder or hf:owner/name>\`, or name another component in \`hybrid.tokenizer\`.`,
      part: 'key',
    });
    return;
  }
  if (chosen.tokenizer.kind !== 'found') return;
  const { size, digest } = chosen.tokenizer.summary;
  for (const other of headers.components) {
    const read = readable(other);
    const own = other.tokenizer?.kind === 'found' ? other.tokenizer.summary : undefined;
    if (!other.model || !read || !own) continue;
    if (read.architecture.vocabularyRows < own.size) {
      report.add(['components', other.name, 'source'], {
        code: 'vocabulary-rows',
        message: `Its tokenizer has ${own.size} ids, but its embedding table only ${read.architecture.vocabularyRows} rows: model and tokenizer don’t belong together. Name the tokenizer that it was trained with.`,
      });
    }
    if (own.digest === digest) continue;
    const how =
      config.hybrid.embeddings === 'transplant'
        ? 'are made from its own rows for the same bytes'
        : 'start at random';
    report.add(['components', other.name, 'source'], {
      code: 'other-tokenizer',
      severity: 'information',
      message: `\`${other.name}\` has another tokenizer (${own.size} ids) than \`${chosen.name}\` (${size}): its embedding and head for the hybrid’s vocabulary ${how}, ${size} × ${read.architecture.width}.`,
    });
  }
}
