/**
 * A hub for tests: the parts of huggingface.co's protocol that a download uses, on localhost, with faults to order.
 * Large files are redirected to a second origin, as the hub does with its CDN.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Faults {
  /** Ends the connection after so many bytes of this file, so many times. */
  cut?: { file: string; after: number; times: number };
  /** Sends this much of the file, then nothing, and never ends. */
  hang?: { file: string; after: number };
  /** Never answers at all. */
  silent?: boolean;
  /** Answers ranges with the whole file. */
  noRanges?: boolean;
  /** Changes one byte of this file on its way, so many times. */
  flip?: { file: string; times: number };
  /** Sends a file of another length. */
  resize?: { file: string; by: number };
  /** Entries put into the listing as they are. */
  listed?: unknown[];
  /** What the API answers with instead. */
  body?: string;
  /** Asks for this token. */
  token?: string;
  gated?: boolean;
}

export interface Seen {
  readonly path: string;
  readonly origin: 'hub' | 'cdn';
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

const sha = (name: 'sha1' | 'sha256', ...parts: (string | Buffer)[]): string => {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};
export const gitHash = (bytes: Buffer): string => sha('sha1', `blob ${bytes.length}\0`, bytes);
export const sha256 = (bytes: Buffer): string => sha('sha256', bytes);
export const COMMIT = 'c0ffee'.padEnd(40, '0');

export class HubServer {
  readonly seen: Seen[] = [];
  faults: Faults = {};
  private readonly hub: Server;
  private readonly cdn: Server;

  private constructor(
    readonly id: string,
    readonly files: ReadonlyMap<string, Buffer>,
  ) {
    this.hub = createServer((request, response) => this.answer(request, response));
    this.cdn = createServer((request, response) => this.answerFile(request, response, 'cdn'));
  }

  static async start(id: string, files: Record<string, Buffer>): Promise<HubServer> {
    const server = new HubServer(id, new Map(Object.entries(files)));
    for (const one of [server.hub, server.cdn]) {
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const one of [this.hub, this.cdn]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`;
  }

  downloads(file: string): Seen[] {
    return this.seen.filter(({ path }) => path.startsWith('/blob/') && path.endsWith(`/${file}`));
  }

  private isLarge(name: string): boolean {
    return name.endsWith('.safetensors') || name.endsWith('.bin');
  }

  private record(request: IncomingMessage, origin: Seen['origin']): string {
    const { authorization, range } = request.headers;
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    this.seen.push({ path, origin, authorization, range });
    return path;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if ((request.url ?? '').startsWith('/blob/')) {
      this.answerFile(request, response, 'hub');
      return;
    }
    const path = this.record(request, 'hub');
    if (this.faults.silent === true) return;
    const fail = (status: number, code: string) => {
      response.writeHead(status, { 'X-Error-Code': code, 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ error: `no: ${code}` }));
    };
    if (this.faults.gated === true) {
      fail(403, 'GatedRepo');
      return;
    }
    const wanted = this.faults.token;
    if (wanted !== undefined && request.headers.authorization !== `Bearer ${wanted}`) {
      fail(401, 'RepoNotFound');
      return;
    }
    const api = `/api/models/${this.id}/`;
    const resolve = `/${this.id}/resolve/`;
    if (!path.startsWith(api) && !path.startsWith(resolve)) {
      fail(401, 'RepoNotFound');
      return;
    }
    if (path.startsWith(resolve)) {
      const [revision = '', ...name] = path.slice(resolve.length).split('/');
      this.redirect(revision, name.join('/'), response, fail);
      return;
    }
    const [what, ...rest] = path.slice(api.length).split('/');
    const revision = rest.join('/');
    if (!['main', 'v1/x', COMMIT].includes(revision)) {
      fail(404, 'RevisionNotFound');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const info = { _id: 'x', id: this.id, sha: COMMIT, private: false, lastModified: '2026-01-01' };
    response.end(this.faults.body ?? JSON.stringify(what === 'revision' ? info : this.listing()));
  }

  private listing(): unknown[] {
    const entries = [...this.files].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: gitHash(bytes),
      ...(this.isLarge(path)
        ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }
        : {}),
    }));
    return [
      { type: 'directory', path: 'onnx', size: 0 },
      ...entries,
      ...(this.faults.listed ?? []),
    ];
  }

  private redirect(
    revision: string,
    name: string,
    response: ServerResponse,
    fail: (status: number, code: string) => void,
  ): void {
    const bytes = this.files.get(name);
    if (revision !== COMMIT || bytes === undefined) {
      fail(404, 'EntryNotFound');
      return;
    }
    const large = this.isLarge(name);
    const cdn = `http://127.0.0.1:${(this.cdn.address() as AddressInfo).port}`;
    response.writeHead(302, {
      Location: `${large ? cdn : ''}/blob/${name}?signature=secret`,
      'X-Repo-Commit': COMMIT,
      ETag: `"${gitHash(bytes)}"`,
      ...(large
        ? { 'X-Linked-Etag': `"${sha256(bytes)}"`, 'X-Linked-Size': String(bytes.length) }
        : {}),
    });
    response.end();
  }

  private answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    origin: Seen['origin'],
  ): void {
    const name = this.record(request, origin).slice('/blob/'.length);
    const { cut, hang, flip, resize, noRanges } = this.faults;
    let bytes = this.files.get(name) ?? Buffer.alloc(0);
    if (resize?.file === name) {
      bytes = Buffer.concat([bytes, Buffer.alloc(Math.max(0, resize.by))]);
      bytes = bytes.subarray(0, bytes.length + Math.min(0, resize.by));
    }
    if (flip?.file === name && flip.times-- > 0) {
      bytes = Buffer.from(bytes);
      bytes[0]! ^= 1;
    }
    const range = noRanges === true ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const start = range === null ? 0 : Number(range[1]);
    if (start > 0 && start >= bytes.length) {
      response.writeHead(416).end();
      return;
    }
    const body = bytes.subarray(start);
    response.writeHead(range === null ? 200 : 206, {
      'Content-Length': String(body.length),
      ...(range === null
        ? {}
        : { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (cut?.file === name && cut.times-- > 0) {
      response.write(body.subarray(0, cut.after), () => setTimeout(() => response.destroy(), 20));
    } else if (hang?.file === name) {
      response.write(body.subarray(0, hang.after));
    } else {
      response.end(body);
    }
  }
}
