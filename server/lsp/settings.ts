/** The section `manticore` of the user's settings, pulled from the client; what isn't valid counts as not set. */
import type { Connection, Disposable } from 'vscode-languageserver';
import { DidChangeConfigurationNotification, Emitter } from 'vscode-languageserver';
import { z } from 'zod';
import type { EditorSettings } from '../contract/editor';

const toggle = z.object({ enabled: z.boolean().catch(true) }).catch({ enabled: true });
const schema = z
  .object({
    engine: z.enum(['config', 'auto', 'wasm', 'webgpu', 'tensorflow']).catch('config'),
    nodePath: z.string().catch(''),
    runsFolder: z.string().catch(''),
    inlayHints: toggle,
  })
  .catch({
    engine: 'config',
    nodePath: '',
    runsFolder: '',
    inlayHints: { enabled: true },
  });

/** Whatever a client sent, as settings: each value that isn't valid is its default. */
function readSettings(value: unknown): EditorSettings {
  return schema.parse(value ?? {});
}

export class Settings {
  private readonly changed = new Emitter<void>();
  private values = readSettings(undefined);
  private pulling: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: Connection,
    /** Whether the client answers `workspace/configuration`. */
    private readonly canPull: () => boolean,
  ) {
    connection.onDidChangeConfiguration(({ settings }: { settings: unknown }) => {
      if (this.canPull()) this.pulling = this.pull();
      else this.take(isSection(settings) ? settings.manticore : undefined);
    });
  }

  get current(): EditorSettings {
    return this.values;
  }

  onChange(listener: () => void): Disposable {
    return this.changed.event(listener);
  }

  /** After `initialized`. @param canRegister whether the client takes the registration */
  start(canRegister: boolean): Promise<void> {
    this.pulling = this.registerAndPull(canRegister);
    return this.pulling;
  }

  /** Resolves when what was being pulled is here, or couldn't be had: for what must not go by older settings. */
  async pulled(): Promise<void> {
    await Promise.allSettled([this.pulling]);
  }

  private async registerAndPull(canRegister: boolean): Promise<void> {
    if (canRegister) {
      await this.connection.client.register(DidChangeConfigurationNotification.type, {
        section: 'manticore',
      });
    }
    await this.pull();
  }

  private async pull(): Promise<void> {
    if (!this.canPull()) return;
    this.take(await this.connection.workspace.getConfiguration('manticore'));
  }

  private take(value: unknown): void {
    const next = readSettings(value);
    if (JSON.stringify(next) === JSON.stringify(this.values)) return;
    this.values = next;
    this.changed.fire();
  }
}

function isSection(value: unknown): value is { readonly manticore: unknown } {
  return typeof value === 'object' && value !== null && 'manticore' in value;
}
