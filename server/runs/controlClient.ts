/** The other end of control: the command line's, and the language server's. */
import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { MessageConnection } from 'vscode-jsonrpc/node';
import type { z } from 'zod';
import type { ControlReply, ControlRequest, ControlStatus } from '../contract/control';
import {
  connectionOver,
  controlReplySchema,
  controlStatusSchema,
  helloReplySchema,
  proofOf,
  requests,
  sameProof,
} from './controlChannel';
import { systemCode } from '../files/systemErrors';
import { controlRefused, controlTimeout, notRunning, RunError } from './runErrors';
import { findPublication, type Publication } from './runtimeFolder';

export interface ControlTimeouts {
  /** Connecting and the handshake. */
  readonly connectMs: number;
  /** A request waits for the end of a step, which on a large model takes its time. */
  readonly requestMs: number;
}

const defaultTimeouts: ControlTimeouts = { connectMs: 60_000, requestMs: 300_000 };

export class ControlClient {
  private constructor(
    private readonly runDir: string,
    private readonly socket: Socket,
    private readonly connection: MessageConnection,
    private readonly timeouts: ControlTimeouts,
  ) {}

  /**
   * Connects to the compute process of a run folder. The run folder is not asked where: the runtime folder is.
   * @throws RunError `not-running`, `control-refused` (somebody else answers), `control-timeout`
   */
  static async connect(
    runDir: string,
    timeouts: Partial<ControlTimeouts> = {},
  ): Promise<ControlClient> {
    const publication = await findPublication(runDir);
    if (publication === undefined) throw notRunning(runDir);
    await checkSocket(runDir, publication.socketPath);
    const limits = { ...defaultTimeouts, ...timeouts };
    const socket = await openSocket(runDir, publication.socketPath, limits.connectMs);
    const connection = connectionOver(socket);
    connection.listen();
    const client = new ControlClient(runDir, socket, connection, limits);
    try {
      await client.#shakeHands(publication);
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** Sends a request and waits until it is applied or refused, between two steps. */
  async request(request: ControlRequest): Promise<ControlReply> {
    const answer = this.connection.sendRequest(requests.control, request);
    return this.#answer(answer, controlReplySchema, this.timeouts.requestMs);
  }

  /** Asks what the process is doing; answered at once. */
  async status(): Promise<ControlStatus> {
    const answer = this.connection.sendRequest(requests.status, {});
    return this.#answer(answer, controlStatusSchema, this.timeouts.connectMs);
  }

  close(): void {
    this.connection.dispose();
    this.socket.destroy();
  }

  async #shakeHands(publication: Publication): Promise<void> {
    const { nonce } = publication.record;
    const challenge = randomBytes(32).toString('hex');
    const limit = this.timeouts.connectMs;
    const hello = await this.#answer(
      this.connection.sendRequest(requests.hello, { challenge }),
      helloReplySchema,
      limit,
    );
    if (!sameProof(hello.proof, proofOf('server', nonce, challenge, hello.challenge))) {
      throw controlRefused(this.runDir, 'it does not know the nonce');
    }
    const proof = proofOf('client', nonce, challenge, hello.challenge);
    const answer = this.connection.sendRequest(requests.prove, { proof });
    await settle(answer, this.runDir, limit, this.socket);
  }

  async #answer<T>(answer: Promise<unknown>, schema: z.ZodType<T>, limit: number): Promise<T> {
    const value = await settle(answer, this.runDir, limit, this.socket);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw controlRefused(this.runDir, 'its answer is none of this version');
    return parsed.data;
  }
}

/** The answer, or an error when it takes too long or the other side goes away. */
async function settle(
  answer: Promise<unknown>,
  runDir: string,
  limit: number,
  socket: Socket,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  let onClose: (() => void) | undefined;
  const trouble = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(controlTimeout(runDir, limit / 1000)), limit);
    onClose = (): void => reject(controlRefused(runDir, 'it hung up'));
    if (socket.destroyed) onClose();
    else socket.once('close', onClose);
  });
  try {
    return await Promise.race([answer, trouble]);
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw controlRefused(runDir, error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    if (onClose !== undefined) socket.off('close', onClose);
  }
}

/** A process publishes its record a moment before it listens: its socket is waited for this long. */
const listenMs = 2_000;

async function checkSocket(
  runDir: string,
  socketPath: string,
  until = Date.now() + listenMs,
): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const information = await lstat(socketPath);
    if (!information.isSocket()) throw controlRefused(runDir, 'its socket is something else');
    if (information.uid !== userInfo().uid) throw controlRefused(runDir, "its socket isn't yours");
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    if (Date.now() > until || (await findPublication(runDir)) === undefined) {
      throw notRunning(runDir);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    await checkSocket(runDir, socketPath, until);
  }
}

function openSocket(runDir: string, socketPath: string, limit: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(controlTimeout(runDir, limit / 1000));
    }, limit);
    socket.once('connect', () => {
      clearTimeout(timer);
      // Later errors end in 'close', which every waiting request listens to.
      socket.off('error', onError).on('error', () => socket.destroy());
      resolve(socket);
    });
    const onError = (): void => {
      clearTimeout(timer);
      reject(notRunning(runDir));
    };
    socket.once('error', onError);
  });
}
