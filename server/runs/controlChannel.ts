/**
 * JSON-RPC over a local socket, one message a line, capped. Before anything else both sides prove that they can read the
 * runtime folder: HMACs of fresh challenges under the run's nonce, the server's first, so a stranger's socket learns
 * nothing and a stranger's client is let do nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  RequestType,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { z } from 'zod';
import type { ControlReply, ControlRequest, ControlStatus } from '../contract/control';

/** A request names at most a few components. */
export const maximumMessageBytes = 64 * 1024;

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const code = z.string().min(1).max(256);
const block = z.number().int().min(1).max(1_000_000);
const weight = z.number().min(0).max(1e9);

export const helloSchema = z.object({ challenge: hex32 });
export const helloReplySchema = z.object({ challenge: hex32, proof: hex32 });
export const proveSchema = z.object({ proof: hex32 });

export const controlRequestSchema = z.discriminatedUnion('action', [
  z.object({ action: z.literal('pin'), block, weights: z.record(code, weight) }),
  z.object({ action: z.literal('unpin'), block }),
  z.object({ action: z.literal('prune'), block, component: code }),
  z.object({ action: z.literal('restore'), block, component: code }),
  z.object({ action: z.literal('pause') }),
  z.object({ action: z.literal('resume') }),
  z.object({ action: z.literal('stop'), checkpoint: z.boolean() }),
]) satisfies z.ZodType<ControlRequest>;

export const controlReplySchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), step: z.number().int().min(0) }),
  z.object({ ok: z.literal(false), code, message: z.string().max(16 * 1024) }),
]) satisfies z.ZodType<ControlReply>;

export const controlStatusSchema = z.object({
  id: code,
  pid: z.number().int().positive(),
  state: z.enum(['starting', 'running', 'paused', 'done', 'stopped', 'failed', 'lost']),
}) satisfies z.ZodType<ControlStatus>;

/** What is sent is typed; what arrives is `unknown` until a schema has seen it. */
export const requests = {
  hello: new RequestType<{ readonly challenge: string }, unknown, undefined>('hello'),
  prove: new RequestType<{ readonly proof: string }, unknown, undefined>('prove'),
  control: new RequestType<ControlRequest, unknown, undefined>('control'),
  status: new RequestType<Record<string, never>, unknown, undefined>('status'),
} as const;

/** The proof of one side: bound to its role and to both challenges, so that it can't be played back. */
export function proofOf(
  role: 'server' | 'client',
  nonce: string,
  clientChallenge: string,
  serverChallenge: string,
): string {
  return createHmac('sha256', Buffer.from(nonce, 'hex'))
    .update(`manticore-control-1 ${role} ${clientChallenge} ${serverChallenge}`)
    .digest('hex');
}

/** Compares in constant time. */
export function sameProof(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === right.length && timingSafeEqual(left, right);
}

export function connectionOver(socket: Socket): MessageConnection {
  return createMessageConnection(new LineReader(socket), new LineWriter(socket));
}

/** One JSON value a line. A line that is too long, or no JSON object, ends the connection. */
class LineReader extends AbstractMessageReader implements MessageReader {
  #held: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly socket: Socket) {
    super();
  }

  listen(callback: DataCallback): Disposable {
    const onData = (chunk: Buffer): void => this.#take(chunk, callback);
    const onError = (error: Error): void => this.fireError(error);
    const onClose = (): void => this.fireClose();
    this.socket.on('data', onData).on('error', onError).on('close', onClose);
    return {
      dispose: () => void this.socket.off('data', onData).off('close', onClose),
    };
  }

  #take(chunk: Buffer, callback: DataCallback): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#held, rest.subarray(0, end)]);
      this.#held = [];
      this.#bytes = 0;
      rest = rest.subarray(end + 1);
      const message = line.length > maximumMessageBytes ? undefined : messageOf(line);
      if (message === undefined) {
        this.#refuse();
        return;
      }
      callback(message);
    }
    this.#held.push(rest);
    this.#bytes += rest.length;
    if (this.#bytes > maximumMessageBytes) this.#refuse();
  }

  #refuse(): void {
    this.#held = [];
    this.socket.destroy();
  }
}

function messageOf(line: Buffer): Message | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    const isMessage = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isMessage ? { jsonrpc: '2.0', ...value } : undefined;
  } catch {
    return undefined;
  }
}

class LineWriter extends AbstractMessageWriter implements MessageWriter {
  constructor(private readonly socket: Socket) {
    super();
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(`${JSON.stringify(message)}\n`, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  end(): void {
    this.socket.end();
  }
}
