/** What all tasks have in common whose examples are no text. */
import type { DataSource, TaskSource } from '../contract/config';
import type { ClassifierShape } from './classifier';
import { lraTable } from './lraTasks';

/** Whether data are examples of a task, with tokens of their own; else they are a text. */
export function isTask(source: DataSource | TaskSource | number | undefined): source is TaskSource {
  return typeof source === 'object' && (source.kind === 'mad' || source.kind === 'lra');
}

export function taskVocabulary(source: TaskSource): number {
  return source.kind === 'mad' ? source.vocabulary : lraTable(source.task).vocabulary;
}

/** `undefined` where tokens are predicted. */
export function classifierOf(source: DataSource | TaskSource): ClassifierShape | undefined {
  return source.kind === 'lra' ? lraTable(source.task).classifier : undefined;
}

/** Sequences of an example: a pair's are two. */
export function sequencesOf(source: DataSource | TaskSource): number {
  return classifierOf(source)?.sequences ?? 1;
}
