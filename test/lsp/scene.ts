/** A workspace on disk: the examples' models and texts in a folder of its own. */
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Session, type SessionOptions } from './session';

/** A config without problems in `workspaceFolder()`. */
export const quickstart = `manticore: 1
components:
  neox:
    source: ./models/tiny-neox
  mamba:
    source: ./models/tiny-mamba
hybrid:
  blocks: 4
data:
  train: { text: ./data/train.txt }
  validation: { text: ./data/valid.txt }
  context: 128
search:
  steps: 100
  batch: 4
`;

/** A folder with a space and letters that aren't ASCII, as users have them. */
export async function workspaceFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(await realpath(tmpdir()), 'manticore léa '));
  for (const part of ['models', 'data']) {
    await cp(path.join('examples', part), path.join(folder, part), { recursive: true });
  }
  return folder;
}

export interface Scene {
  readonly folder: string;
  readonly session: Session;
}

/** A workspace and a server for all tests of a `describe`; a test that fails leaves neither behind. */
export function sceneFor(options: Omit<SessionOptions, 'folders'> = {}): Scene {
  let folder: string | undefined;
  let session: Session | undefined;
  before(async () => {
    folder = await workspaceFolder();
    session = await Session.start({ ...options, folders: [folder] });
  });
  after(async () => {
    try {
      await session?.close();
    } finally {
      session?.kill();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
  });
  return {
    get folder() {
      return folder!;
    },
    get session() {
      return session!;
    },
  };
}
