/**
 * Requests to the hub: the token goes to the hub's own origin and nowhere else, redirects are followed here so that this
 * holds, and silence ends in an error. Errors never hold the token or a signed address.
 */
import type { Environment, HubModel } from './hubId';
import { showHubModel } from './hubId';
import { WeightsError } from './errors';

export interface HubConnection {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** Milliseconds without a byte after which a request is given up. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

const MAX_REDIRECTS = 5;
const DEFAULT_PATIENCE = 30_000;

const badSetting = (what: string, hint: string) => new WeightsError('hub-settings', what, hint);

/**
 * HF_ENDPOINT and HF_TOKEN, checked.
 * @throws WeightsError when either can't be used; it never repeats the token
 */
export function hubConnection(
  environment: Environment,
  options: { readonly patience?: number; readonly signal?: AbortSignal } = {},
): HubConnection {
  const given = environment['HF_ENDPOINT'];
  const text = given === undefined || given === '' ? 'https://huggingface.co' : given;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw badSetting('HF_ENDPOINT is no http(s) address.', 'Set it to the address of a hub.');
  }
  if (url.username !== '' || url.password !== '') {
    throw badSetting('HF_ENDPOINT holds a name or password.', 'Use HF_TOKEN instead.');
  }
  const token = environment['HF_TOKEN']?.trim();
  if (token !== undefined && !/^[\x21-\x7e]*$/.test(token)) {
    throw badSetting('HF_TOKEN holds characters that no token has.', 'Set it again.');
  }
  return {
    endpoint: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    token: token === '' ? undefined : token,
    patience: options.patience ?? DEFAULT_PATIENCE,
    signal: options.signal,
  };
}

/** Aborts after `patience` milliseconds without a `beat`, or with the caller's signal. */
export class Watchdog {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private readonly stop = () => this.controller.abort();
  timedOut = false;

  constructor(private readonly connection: HubConnection) {
    connection.signal?.addEventListener('abort', this.stop);
    if (connection.signal?.aborted === true) this.stop();
    this.beat();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  beat(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timedOut = true;
      this.controller.abort();
    }, this.connection.patience);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.connection.signal?.removeEventListener('abort', this.stop);
  }
}

/** The user error behind a failed request; what is none comes back as it is. */
export function networkError(
  error: unknown,
  connection: HubConnection,
  watchdog: Watchdog,
): unknown {
  if (error instanceof WeightsError) return error;
  if (connection.signal?.aborted === true) return stopped();
  const host = new URL(connection.endpoint).host;
  if (watchdog.timedOut) {
    const seconds = Math.ceil(connection.patience / 1000);
    return new WeightsError(
      'hub-timeout',
      `${host} sent nothing for ${seconds} seconds.`,
      'Run it again: what has arrived is kept.',
    );
  }
  // fetch reports every failure of the network as a TypeError, with the system's error as its cause.
  if (!(error instanceof TypeError) && !(error instanceof Error && error.name === 'AbortError')) {
    return error;
  }
  const cause =
    error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;
  const why = typeof cause === 'string' ? ` (${cause})` : '';
  return new WeightsError(
    'hub-network',
    `The connection to ${host} failed${why}.`,
    'Check the network and run it again: what has arrived is kept.',
  );
}

export const stopped = (): WeightsError =>
  new WeightsError('hub-stopped', 'Stopped.', 'Run it again to go on: what has arrived is kept.');

/** Headers of one hop; the token only for the hub itself. */
function headersFor(url: URL, connection: HubConnection, extra: Record<string, string>): Headers {
  const headers = new Headers({ ...extra, 'User-Agent': 'manticore' });
  if (connection.token !== undefined && url.origin === new URL(connection.endpoint).origin) {
    headers.set('Authorization', `Bearer ${connection.token}`);
  }
  return headers;
}

/**
 * GET with redirects followed; any status but a redirect comes back. The body is read under the same watchdog.
 * @throws WeightsError for bad redirects; what fetch throws otherwise (see `networkError`)
 */
export async function request(
  address: string,
  connection: HubConnection,
  watchdog: Watchdog,
  headers: Record<string, string> = {},
): Promise<Response> {
  let url = new URL(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(url.href, {
      headers: headersFor(url, connection, headers),
      redirect: 'manual',
      signal: watchdog.signal,
    });
    watchdog.beat();
    if (response.status < 300 || response.status >= 400 || response.status === 304) return response;
    await response.body?.cancel();
    const location = response.headers.get('location') ?? '';
    if (!URL.canParse(location, url.href)) break;
    const next = new URL(location, url);
    const downgraded = url.protocol === 'https:' && next.protocol !== 'https:';
    if (downgraded || !/^https?:$/.test(next.protocol)) break;
    url = next;
  }
  throw new WeightsError(
    'hub-answer',
    `${new URL(connection.endpoint).host} redirects to nowhere useful.`,
    'Check HF_ENDPOINT, or try again later.',
  );
}

/** The user error for an answer that is not the file or list asked for. */
export function answerError(
  response: Response,
  model: HubModel,
  connection: HubConnection,
  file?: string,
): WeightsError {
  const shown = showHubModel(model);
  const reason = response.headers.get('x-error-code') ?? '';
  const { status } = response;
  if (reason === 'GatedRepo' || status === 403) {
    return new WeightsError(
      'hub-gated',
      `${shown} asks for its terms to be accepted.`,
      `Accept them at ${connection.endpoint}/${model.id} and set HF_TOKEN to a token of that account.`,
    );
  }
  if (reason === 'RevisionNotFound') {
    return new WeightsError(
      'hub-revision',
      `${model.id} has no revision ${model.revision}.`,
      `See its branches and tags at ${connection.endpoint}/${model.id}.`,
    );
  }
  if (reason === 'EntryNotFound' || (status === 404 && file !== undefined && reason === '')) {
    return new WeightsError(
      'hub-file',
      `${shown} has no file ${file ?? ''}.`,
      'Choose another revision or model.',
      file,
    );
  }
  // The hub answers 401 for private repositories and for names that don't exist alike.
  if (status === 401 || status === 404) {
    return new WeightsError(
      'hub-repository',
      `${shown} does not exist, or needs a token.`,
      connection.token === undefined
        ? 'Check the name; for a private or gated model set HF_TOKEN.'
        : 'Check the name, and that the account of HF_TOKEN may read it.',
    );
  }
  return new WeightsError(
    'hub-answer',
    `${new URL(connection.endpoint).host} answered ${status} for ${file ?? shown}.`,
    status === 429 || status >= 500 ? 'Try again later.' : 'Check the name and HF_ENDPOINT.',
  );
}

/**
 * A `fetch` for the hub library: the same rules, for its small JSON answers. Bodies are bounded.
 */
export function libraryFetch(model: HubModel, connection: HubConnection): typeof fetch {
  const most = 32 << 20;
  return async (input) => {
    const watchdog = new Watchdog(connection);
    try {
      const address = input instanceof Request ? input.url : String(input);
      const response = await request(address, connection, watchdog);
      if (!response.ok) {
        await response.body?.cancel();
        throw answerError(response, model, connection);
      }
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of response.body ?? []) {
        watchdog.beat();
        const bytes = part as Uint8Array;
        size += bytes.length;
        if (size > most) throw badAnswer(connection, 'an answer without end');
        parts.push(bytes);
      }
      return new Response(Buffer.concat(parts), { headers: response.headers });
    } catch (error) {
      throw networkError(error, connection, watchdog);
    } finally {
      watchdog.dispose();
    }
  };
}

/** The hub said something that breaks its own protocol. */
export const badAnswer = (connection: HubConnection, what: string): WeightsError =>
  new WeightsError(
    'hub-answer',
    `${new URL(connection.endpoint).host} sent ${what}.`,
    'Check HF_ENDPOINT, or try again later.',
  );
