/** The language's `ModelReader` over questions to the disk process. */
import path from 'node:path';
import type { ModelReader, PendingFinding } from '../../models/modelReader';
import { isHubSource } from '../../weights/hubId';
import type { DiskClient } from './diskClient';
import type { DiskQuestions } from './diskProtocol';

/** The questions of a `ModelReader`. */
export type HeaderKind = 'model' | 'tokenizer' | 'file' | 'records' | 'result';

const TOO_LONG =
  'reading it failed or took too long. Is it on a disk or in a network folder that is away?';

/** What is said of what the disk gave no answer about. */
export function unanswered(
  kind: HeaderKind,
  of: DiskQuestions[HeaderKind][0],
): DiskQuestions[HeaderKind][1] {
  const name = 'source' in of ? of.source : of.path;
  const full = path.resolve(of.base, name);
  switch (kind) {
    case 'model':
      return { kind: 'damaged', path: full, file: name, message: TOO_LONG };
    case 'tokenizer':
      return { kind: 'damaged', path: full, message: TOO_LONG };
    case 'file':
      return { kind: 'refused', path: full, message: `${full}: ${TOO_LONG}` };
    case 'records':
      return { kind: 'unknown' };
    case 'result':
      return { kind: 'damaged', message: TOO_LONG };
  }
}

/** @param ask answers a question with a finding of its own kind */
export function readerOf(
  ask: <K extends HeaderKind>(kind: K, of: DiskQuestions[K][0]) => Promise<unknown>,
): ModelReader {
  const typed = <K extends HeaderKind>(kind: K, of: DiskQuestions[K][0]) =>
    ask(kind, of) as Promise<DiskQuestions[K][1] | PendingFinding>;
  return {
    readModel: (source, base) => typed('model', { source, base }),
    readTokenizer: (source, base) => typed('tokenizer', { source, base }),
    readFile: (file, base) => typed('file', { path: file, base }),
    readRecords: (file, base, format) => typed('records', { path: file, base, format }),
    readResult: (folder, base) => typed('result', { path: folder, base }),
  };
}

/** The disk as it is: waits for each answer. */
export function directReader(disk: DiskClient, within: string | undefined): ModelReader {
  return readerOf(async (kind, of) => {
    const reply = await disk.ask(kind, of, within);
    return reply.kind === 'answer' ? reply.value : unanswered(kind, of);
  });
}

/** In an untrusted workspace nothing of the hub's cache is read. */
export function withoutHub(reader: ModelReader): ModelReader {
  const message = 'models of the hub are read once you trust this workspace.';
  return {
    ...reader,
    readModel: (source, base) =>
      isHubSource(source)
        ? Promise.resolve({ kind: 'damaged', path: source, file: source, message })
        : reader.readModel(source, base),
    readTokenizer: (source, base) =>
      isHubSource(source)
        ? Promise.resolve({ kind: 'damaged', path: source, message: `${source}: ${message}` })
        : reader.readTokenizer(source, base),
  };
}

/** Says nothing of any file: for a config that isn't on this disk. */
export const silentReader: ModelReader = {
  readModel: () => Promise.resolve({ kind: 'pending' }),
  readTokenizer: () => Promise.resolve({ kind: 'pending' }),
  readFile: () => Promise.resolve({ kind: 'pending' }),
  readRecords: () => Promise.resolve({ kind: 'pending' }),
  readResult: () => Promise.resolve({ kind: 'pending' }),
};

/** Reads nothing: for a config outside every folder of an untrusted workspace. */
export const refusingReader: ModelReader = withoutHub({
  readModel: (source, base) =>
    Promise.resolve({
      kind: 'damaged',
      path: path.resolve(base, source),
      file: source,
      message: 'files outside the workspace are read once you trust it.',
    }),
  readTokenizer: (source, base) =>
    Promise.resolve({
      kind: 'damaged',
      path: path.resolve(base, source),
      message: `${source}: files outside the workspace are read once you trust it.`,
    }),
  readFile: (file, base) =>
    Promise.resolve({
      kind: 'refused',
      path: path.resolve(base, file),
      message: `${file}: files outside the workspace are read once you trust it.`,
    }),
  readRecords: () => Promise.resolve({ kind: 'unknown' }),
  readResult: () =>
    Promise.resolve({
      kind: 'damaged',
      message: 'files outside the workspace are read once you trust it.',
    }),
});
