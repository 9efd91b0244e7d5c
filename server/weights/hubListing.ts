/** What a hub repository holds; revisions and pagination are `@huggingface/hub`'s. Nothing in an answer is trusted. */
import { listFiles, modelInfo } from '@huggingface/hub';
import { WeightsError } from './errors';
import type { HubFile } from './hubBlob';
import { COMMIT, showHubModel, type HubModel } from './hubId';
import { badAnswer, libraryFetch, type HubConnection } from './hubRequest';
import { isPlainFileName } from './modelFiles';

const MAX_LISTED = 20_000;
const MAX_REQUESTS = 100;

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** A bounded `fetch` for the library: a listing whose pages never end is an error. */
function boundedFetch(model: HubModel, connection: HubConnection): typeof fetch {
  const inner = libraryFetch(model, connection);
  let requests = 0;
  return (input, init) => {
    if (++requests > MAX_REQUESTS) throw badAnswer(connection, 'a list without end');
    return inner(input, init);
  };
}

/**
 * The commit of a model's revision.
 * @throws WeightsError when the hub refuses or answers nonsense
 */
export async function findCommit(model: HubModel, connection: HubConnection): Promise<string> {
  const info: { readonly sha?: unknown } = await modelInfo({
    name: model.id,
    revision: model.revision,
    hubUrl: connection.endpoint,
    fetch: boundedFetch(model, connection),
    additionalFields: ['sha'],
  });
  if (typeof info.sha !== 'string' || !COMMIT.test(info.sha)) {
    throw badAnswer(connection, `no commit for ${showHubModel(model)}`);
  }
  return info.sha;
}

/** Files at the top of the repository, by name; every name and hash is fit to be a file's name. */
export async function listRepository(
  model: HubModel,
  commit: string,
  connection: HubConnection,
): Promise<ReadonlyMap<string, HubFile>> {
  const files = new Map<string, HubFile>();
  const entries = listFiles({
    repo: { type: 'model', name: model.id },
    revision: commit,
    hubUrl: connection.endpoint,
    fetch: boundedFetch(model, connection),
  });
  for await (const entry of entries) {
    if (files.size >= MAX_LISTED) throw badAnswer(connection, 'a list without end');
    const name: unknown = entry.path;
    if (typeof name !== 'string' || !isPlainFileName(name)) {
      throw new WeightsError(
        'hub-name',
        `${showHubModel(model)} lists a file named ${JSON.stringify(name)}, which could leave its folder.`,
        'Do not use this repository.',
      );
    }
    if (entry.type !== 'file') continue;
    const hash: unknown = entry.lfs?.oid ?? entry.oid;
    const size: unknown = entry.lfs?.size ?? entry.size;
    if (
      typeof hash !== 'string' ||
      !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ||
      !isSize(size)
    ) {
      throw badAnswer(connection, `no usable hash and size for ${name}`);
    }
    files.set(name, { name, size, hash });
  }
  return files;
}
