/** Checks of `hybrid.projectors.pretrain`, and of a run that does nothing else. */
import type { ResolvedConfig } from '../contract/config';
import { isTask } from '../models/tasks';
import type { Report } from './report';
import type { Config } from './schema';
import { checkSource } from './sourceChecks';

export const PRETRAIN = ['hybrid', 'projectors', 'pretrain'];

/** Where the general text is named. */
export const PRETRAIN_DATA = [...PRETRAIN, 'data'];

export function checkPretraining(report: Report, written: Config, config: ResolvedConfig): void {
  const { pretrain } = written.hybrid.projectors;
  if (pretrain !== undefined) {
    checkSource(report, PRETRAIN_DATA, pretrain.data);
    checkTask(report, config);
    checkUse(report, config);
  }
  if (config.search.steps === 0 && !config.program)
    checkWithoutSearch(report, config, pretrain !== undefined);
}

function checkTask(report: Report, { data }: ResolvedConfig): void {
  if (!isTask(data.train)) return;
  report.add(PRETRAIN, {
    code: 'pretrain-text',
    message:
      'Projectors are pretrained on text, and the tokens of a task are none: delete `pretrain`, or train on a text.',
    part: 'key',
  });
}

function checkUse(report: Report, { components, search, hybrid }: ResolvedConfig): void {
  if (Object.keys(components).length === 1) {
    report.noEffect(PRETRAIN, 'a single component has no projectors');
  }
  if (search.algorithm === 'fixed' && hybrid.projectors.pretrain?.alphas) {
    report.noEffect([...PRETRAIN, 'alphas'], '`algorithm: fixed` learns no α');
  }
}

/** `steps: 0` is for a run that leaves pretrained projectors and nothing else. */
function checkWithoutSearch(report: Report, config: ResolvedConfig, pretrains: boolean): void {
  if (!pretrains) {
    report.add(['search', 'steps'], {
      code: 'no-search',
      message:
        '`steps: 0` is for a run that only pretrains projectors (`hybrid.projectors.pretrain`), or whose α come of a `program`: give the search at least 1 step.',
      ...report.replacing(['search', 'steps'], 'Change to 300', '300'),
    });
    return;
  }
  for (const key of ['finetune', 'baselines'] as const) {
    if (!config[key]) continue;
    report.add([key], {
      code: 'no-search',
      message: `Without a search (\`search.steps: 0\`) there is no hybrid for \`${key}\`: delete it, or search.`,
      part: 'key',
    });
  }
}
