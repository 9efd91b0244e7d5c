/** The compute process's end of control. Its record in the runtime folder is also the lock on the run folder. */
import { randomBytes } from 'node:crypto';
import { chmod, utimes } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { ErrorCodes, ResponseError } from 'vscode-jsonrpc/node';
import type { ControlReply, ControlRequest, ControlStatus } from '../contract/control';
import type { RunState } from '../contract/run';
import {
  connectionOver,
  controlRequestSchema,
  helloSchema,
  proofOf,
  proveSchema,
  requests,
  sameProof,
} from './controlChannel';
import { ownIdentity } from './processIdentity';
import { RunError } from './runErrors';
import {
  launchVariable,
  publish,
  removeSocket,
  unpublish,
  type Publication,
} from './runtimeFolder';

/** A client that hasn't proved itself by then is cut off: long, because a step of training holds every answer up. */
const handshakeMs = 60_000;
/** `settle` waits for a talking client this long after its last word, and this long in all. */
const pauseMs = 15;
const settleMs = 150;
const maximumConnections = 64;
/** Cleaners of temporary folders remove what wasn't touched for days. */
const touchMs = 60 * 60 * 1000;

/** Answers a request once it is applied, or refused, at a step boundary. */
export type ControlHandler = (request: ControlRequest) => Promise<ControlReply>;

export class ControlServer {
  readonly #sockets = new Set<Socket>();
  /** When a client last said something, by `performance.now()`. */
  #heard = Number.NEGATIVE_INFINITY;
  #touch: NodeJS.Timeout | undefined;
  #server: Server | undefined;

  private constructor(
    readonly publication: Publication,
    private readonly handler: ControlHandler,
    private readonly state: () => RunState,
  ) {}

  /**
   * Claims the run folder and listens, until `close`: a paused run stays alive by this. Several clients at once are fine.
   * @param state asked for every `status` request
   * @throws RunError `already-running`, `unsafe-runtime-folder`
   */
  static async start(
    runDir: string,
    id: string,
    handler: ControlHandler,
    state: () => RunState,
  ): Promise<ControlServer> {
    const publication = await publish(runDir, id, await ownIdentity(), process.env[launchVariable]);
    const server = new ControlServer(publication, handler, state);
    try {
      await server.#listen();
    } catch (error) {
      await unpublish(publication);
      throw error;
    }
    return server;
  }

  /**
   * Called between two steps: lets clients that are talking finish, so that a handshake doesn't take a step a word.
   * Without any it costs one turn of the event loop.
   */
  async settle(): Promise<void> {
    const end = performance.now() + settleMs;
    await new Promise((resolve) => setImmediate(resolve));
    while (performance.now() < Math.min(end, this.#heard + pauseMs)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Cuts the clients off and takes the record away; safe to call twice. */
  async close(): Promise<void> {
    clearInterval(this.#touch);
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await unpublish(this.publication);
  }

  async #listen(): Promise<void> {
    const { socketPath, recordPath } = this.publication;
    await removeSocket(socketPath);
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = maximumConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
    if (process.platform === 'win32') return;
    await chmod(socketPath, 0o600);
    this.#touch = setInterval(() => {
      const now = new Date();
      // A record that somebody removed makes the run unreachable, not wrong.
      for (const file of [socketPath, recordPath]) utimes(file, now, now).catch(() => undefined);
    }, touchMs);
    this.#touch.unref();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const heard = (): void => void (this.#heard = performance.now());
    heard();
    socket.on('data', heard);
    const connection = connectionOver(socket);
    const { nonce, id, pid } = this.publication.record;
    let challenges: readonly [client: string, server: string] | undefined;
    let proved = false;
    const late = setTimeout(() => proved || socket.destroy(), handshakeMs);
    late.unref();
    socket.on('close', () => {
      clearTimeout(late);
      this.#sockets.delete(socket);
      connection.dispose();
    });
    const refuse = (message: string): ResponseError<undefined> => {
      // Behind the answer, which is written once this returns.
      setImmediate(() => socket.end());
      return new ResponseError(ErrorCodes.InvalidRequest, message);
    };

    connection.onRequest(requests.hello, (value: unknown) => {
      const hello = helloSchema.safeParse(value);
      if (!hello.success || challenges !== undefined) return refuse('not a hello');
      challenges = [hello.data.challenge, randomBytes(32).toString('hex')];
      return { challenge: challenges[1], proof: proofOf('server', nonce, ...challenges) };
    });
    connection.onRequest(requests.prove, (value: unknown) => {
      const given = proveSchema.safeParse(value);
      if (!given.success || challenges === undefined) return refuse('not a proof');
      proved = sameProof(given.data.proof, proofOf('client', nonce, ...challenges));
      return proved ? { ok: true } : refuse('not the right proof');
    });
    connection.onRequest(requests.status, (): ControlStatus | ResponseError<undefined> =>
      proved ? { id, pid, state: this.state() } : refuse('prove yourself first'),
    );
    connection.onRequest(requests.control, async (value: unknown) => {
      if (!proved) return refuse('prove yourself first');
      return this.#control(value);
    });
    connection.listen();
  }

  async #control(value: unknown): Promise<ControlReply> {
    const request = controlRequestSchema.safeParse(value);
    if (!request.success) {
      return { ok: false, code: 'invalid-request', message: 'That is no request of this version.' };
    }
    try {
      return await this.handler(request.data);
    } catch (error) {
      const known = error instanceof RunError;
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, code: known ? error.code : 'internal', message };
    }
  }
}
