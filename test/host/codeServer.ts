/** A VS Code server of its own: its user data, extensions, home and runtime folder are temporary. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { signalProcess } from '../../server/runs/processIdentity';
import { listPublications } from '../../server/runs/runtimeFolder';
import { resultVariable } from './inside/resultFile';
import { place, temporaryFolder } from './place';
import { eventually } from './waiting';

const runFile = promisify(execFile);

export interface ServerWish {
  /** Whether the packaged extension is installed. */
  readonly installed: boolean;
  /** Whether folders open untrusted until the user says otherwise. */
  readonly asksForTrust?: boolean;
  /** Lets the page run tests inside the extension host. */
  readonly testDriver?: boolean;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Nothing that asks, greets or goes to the network. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.colorTheme': 'Dark Modern',
  'window.autoDetectColorScheme': false,
  'telemetry.telemetryLevel': 'off',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'chat.disableAIFeatures': true,
  'git.enabled': false,
  'files.simpleDialog.enable': true,
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.untrustedFiles': 'open',
  'editor.accessibilitySupport': 'off',
};

/** Servers of this process, which end with it however it ends. */
const running = new Set<ChildProcess>();
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
process.on('exit', () => {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
});

export class CodeServer {
  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  /** Installs the extension if wished, starts the server and waits until it answers. */
  static async start(wish: ServerWish): Promise<CodeServer> {
    const folder = temporaryFolder();
    // This process looks for runs where the server's children publish them.
    process.env['MANTICORE_RUNTIME_DIR'] = path.join(folder, 'r');
    const user = path.join(folder, 'data', 'User');
    await mkdir(user, { recursive: true });
    const settings = { ...quietSettings, ...wish.settings };
    await writeFile(path.join(user, 'settings.json'), JSON.stringify(settings, null, 2));
    const environment = { ...process.env, ...homeIn(folder), ...wish.environment };
    const common = commonArguments(folder);
    if (wish.installed) await installPackage(folder);
    const port = await freePort();
    const log = openSync(path.join(folder, 'server.log'), 'a');
    const child = spawn(
      place.node,
      [
        ...common,
        ...['--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--cert', 'false'],
        ...['--disable-telemetry', '--disable-update-check', '--disable-proxy'],
        ...['--disable-getting-started-override', '--ignore-last-opened'],
        ...(wish.asksForTrust === true ? [] : ['--disable-workspace-trust']),
        ...(wish.testDriver === true ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
      ],
      // A group of its own, so that it ends with all that it started but the searches.
      { env: environment, stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    const server = new CodeServer(folder, port, child);
    await server.answers();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private async answers(): Promise<void> {
    await eventually(
      'the server',
      async () => {
        if (this.child.exitCode !== null) {
          throw new Error(`code-server ended: ${await this.log()}`);
        }
        const answer = await fetch(`${this.url}/healthz`).catch(() => undefined);
        return answer?.ok === true ? true : undefined;
      },
      { everyMs: 50 },
    );
  }

  /** What the server has printed. */
  log(): Promise<string> {
    return readFile(path.join(this.folder, 'server.log'), 'utf8');
  }

  /** Ends the server, and every search that was started from it. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const ended = once(child, 'exit');
      const kill = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 10_000);
      process.kill(-child.pid, 'SIGTERM');
      await ended;
      clearTimeout(kill);
    }
    await this.endSearches();
  }

  /** Ends every search that was started from this server: they are processes of their own. */
  async endSearches(): Promise<void> {
    for (const { record } of await listPublications()) await signalProcess(record, 'SIGKILL');
  }
}

/** Unpacks the package below a folder, as a server with this folder would have it. */
export async function installPackage(folder: string): Promise<void> {
  await runFile(place.node, [...commonArguments(folder), '--install-extension', place.vsix], {
    env: { ...process.env, ...homeIn(folder) },
  });
}

/** The folder into which `installPackage` unpacked the extension. */
export async function installedExtension(folder: string): Promise<string> {
  const extensions = path.join(folder, 'extensions');
  const name = (await readdir(extensions)).find((each) => each.startsWith('manticore.manticore-'));
  if (name === undefined) throw new Error(`the extension is not in ${extensions}`);
  return path.join(extensions, name);
}

const commonArguments = (folder: string): string[] => [
  place.codeServer,
  ...['--user-data-dir', path.join(folder, 'data')],
  ...['--extensions-dir', path.join(folder, 'extensions')],
];

/** Where tests inside the extension host leave what they found. */
export const insideResults = (folder: string): string => path.join(folder, 'inside.json');

function homeIn(folder: string): Record<string, string> {
  return {
    HOME: folder,
    XDG_CONFIG_HOME: path.join(folder, '.config'),
    XDG_DATA_HOME: path.join(folder, '.local'),
    XDG_CACHE_HOME: path.join(folder, '.cache'),
    MANTICORE_RUNTIME_DIR: path.join(folder, 'r'),
    [resultVariable]: insideResults(folder),
    HF_HOME: path.join(folder, 'hub'),
    PATH: `${path.dirname(place.node)}${path.delimiter}${process.env['PATH'] ?? ''}`,
    EXTENSIONS_GALLERY: '{"serviceUrl":"","itemUrl":""}',
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  probe.close();
  await once(probe, 'close');
  return address.port;
}
