/** The small supernets that a program searches α on, as subplans: one a task, of the run's families, N and mixture. */
import type { MadSource, ProgramSettings, ResolvedConfig } from '../contract/config';
import { madContext } from '../models/madTasks';
import { smallConfig } from '../models/smallModels';
import { type Headers, readable } from './headers';
import type { SubplanSource } from './subplans';

/** Subjects of the jobs: the tasks' names, numbered where one comes again. */
export function programSubjects(tasks: readonly MadSource[]): string[] {
  return tasks.map(({ task }, index) => {
    const before = tasks.slice(0, index).filter((other) => other.task === task).length;
    return before === 0 ? task : `${task}-${before + 1}`;
  });
}

/** None without a program, and none while a component can't be read (the checks say why). */
export function programSources(config: ResolvedConfig, headers: Headers): SubplanSource[] {
  const { program } = config;
  if (!program) return [];
  const subjects = programSubjects(program.tasks);
  return program.tasks.map((task, index) => ({
    name: subjects[index]!,
    stage: 'program',
    ...supernet(config, headers, program, task),
  }));
}

/** One width, no projectors, gate `none`: nothing but families, blocks and α is as in the hybrid. */
export function supernet(
  config: ResolvedConfig,
  headers: Headers,
  program: ProgramSettings,
  task: MadSource,
): Pick<SubplanSource, 'config' | 'headers'> {
  const { hybrid, search } = config;
  const { width, layers, training } = program;
  const context = madContext(task);
  const size = {
    width,
    layers: layers * hybrid.blocks,
    vocabulary: task.vocabulary,
    context,
  };
  const small = headers.components.flatMap((component) => {
    const read = readable(component);
    if (!read) return [];
    const { table } = read;
    const fields = smallConfig(read.architecture, size);
    const { name } = component;
    return [{ name, table, config: fields, architecture: table.read(fields) }];
  });
  return {
    config: {
      ...config,
      components: Object.fromEntries(
        small.map(({ name, table, config: fields }) => [
          name,
          {
            source: undefined,
            scratch: { family: table.name, config: fields },
            tokenizer: undefined,
          },
        ]),
      ),
      hybrid: {
        ...hybrid,
        embeddings: 'transplant',
        gate: 'none',
        projectors: { kind: 'none', init: 'identity', from: undefined, pretrain: undefined },
      },
      data: { train: task, validation: task, test: task, context },
      search: { ...search, ...training },
      program: undefined,
      finetune: false,
      baselines: false,
    },
    headers: {
      components: small.map((component) => ({
        ...component,
        model: undefined,
        tokenizer: undefined,
      })),
      data: new Map(),
      records: new Map(),
      templates: new Map(),
      projectors: undefined,
    },
  };
}
