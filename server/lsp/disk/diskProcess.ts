/** The process that reads the disk for the language server: questions come over its channel, one answer each. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { serialize } from 'node:v8';
import type { ModelReader } from '../../models/modelReader';
import { createNodeModelReader } from '../../weights/nodeModelReader';
import type { DiskQuestion, DiskReply, DiskRequest } from './diskProtocol';
import { listChoices, listFiles, listFolders, listHubModels } from './listing';

/** Workspace folders whose readers are kept; each remembers tokenizers. */
const MAX_READERS = 16;

const readers = new Map<string | undefined, ModelReader>();

function readerFor(within: string | undefined): ModelReader {
  const known = readers.get(within);
  if (known) return known;
  if (readers.size >= MAX_READERS) readers.clear();
  const reader = createNodeModelReader(within === undefined ? {} : { within });
  readers.set(within, reader);
  return reader;
}

function answer(question: DiskQuestion, within: string | undefined): Promise<unknown> {
  const reader = readerFor(within);
  switch (question.kind) {
    case 'model':
      return reader.readModel(question.of.source, question.of.base);
    case 'tokenizer':
      return reader.readTokenizer(question.of.source, question.of.base);
    case 'file':
      return reader.readFile(question.of.path, question.of.base);
    case 'records':
      return reader.readRecords(question.of.path, question.of.base, question.of.format);
    case 'result':
      return reader.readResult(question.of.path, question.of.base);
    case 'folders':
      return listFolders(path.resolve(question.of.base, question.of.relative), within);
    case 'files':
      return listFiles(path.resolve(question.of.base, question.of.relative), within);
    case 'hubModels':
      return listHubModels(within);
    case 'choices':
      return listChoices(question.of.folder, question.of.root, within);
  }
}

async function replyTo({ id, within, question, known }: DiskRequest): Promise<DiskReply> {
  try {
    const bytes = serialize(await answer(question, within));
    const digest = createHash('sha256').update(bytes).digest('base64');
    return { id, digest, answer: digest === known ? undefined : bytes };
  } catch (error) {
    return { id, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Answers until its parent is gone. */
export function serveDisk(): void {
  process.on('message', (request: DiskRequest) => {
    void replyTo(request).then((reply) => {
      if (process.connected) process.send?.(reply);
    });
  });
  process.on('disconnect', () => process.exit(0));
}
