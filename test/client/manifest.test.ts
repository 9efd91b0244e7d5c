/** The manifest: what it names exists, and what it shows is in `package.nls.json`. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';

interface Manifest {
  readonly icon: string;
  readonly activationEvents: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: {
      readonly supported: string;
      readonly restrictedConfigurations: readonly string[];
    };
    readonly virtualWorkspaces: { readonly supported: string };
  };
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly category: string }[];
    readonly menus: Readonly<
      Record<string, readonly { readonly command: string; readonly when: string }[]>
    >;
    readonly keybindings: readonly {
      readonly command: string;
      readonly key: string;
      readonly when: string;
    }[];
    readonly configuration: {
      readonly properties: Readonly<
        Record<string, { readonly default: unknown; readonly scope?: string }>
      >;
    };
    readonly walkthroughs: readonly {
      readonly steps: readonly { readonly media: { readonly svg: string } }[];
    }[];
  };
}

const root = process.cwd();
const text = readFileSync(path.join(root, 'package.json'), 'utf8');
const manifest = JSON.parse(text) as Manifest;
const strings = JSON.parse(readFileSync(path.join(root, 'package.nls.json'), 'utf8')) as Record<
  string,
  string
>;
const { contributes } = manifest;
const commandIds = contributes.commands.map(({ command }) => command);

describe('the manifest', () => {
  it('takes every string from package.nls.json, and leaves none there unused', () => {
    const used = [...text.matchAll(/"%([\w.]+)%"/gu)].map(([, key]) => key!);
    assert.deepEqual(
      used.filter((key) => strings[key] === undefined),
      [],
    );
    assert.deepEqual(
      Object.keys(strings).filter((key) => !used.includes(key)),
      [],
    );
  });

  it('has a category and a registered handler for each command', () => {
    const registered = readFileSync(path.join(root, 'client/commands/register.ts'), 'utf8');
    for (const { command, category } of contributes.commands) {
      assert.equal(category, 'Manticore');
      assert.ok(registered.includes(`'${command}'`), `${command} is registered`);
    }
    const handled = [...registered.matchAll(/'(manticore\.\w+)':/gu)].map(([, id]) => id!);
    assert.deepEqual([...handled].sort(), [...commandIds].sort());
  });

  it('names in menus, keys and welcome texts only commands that there are', () => {
    const named = [...Object.values(contributes.menus).flat(), ...contributes.keybindings].map(
      ({ command }) => command,
    );
    const linked = Object.values(strings).flatMap((string) =>
      [...string.matchAll(/\(command:(manticore\.\w+)\)/gu)].map(([, id]) => id!),
    );
    for (const command of [...named, ...linked]) assert.ok(commandIds.includes(command), command);
  });

  it('binds each key once', () => {
    const keys = contributes.keybindings.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length);
  });

  it('is activated by what it is about, never by everything', () => {
    assert.ok(manifest.activationEvents.includes('onLanguage:manticore'));
    assert.ok(manifest.activationEvents.includes('onWebviewPanel:manticore.weights'));
    assert.ok(!manifest.activationEvents.includes('*'));
    assert.ok(!manifest.activationEvents.includes('onStartupFinished'));
  });

  it('lets no untrusted workspace name a program or a folder', () => {
    const { untrustedWorkspaces, virtualWorkspaces } = manifest.capabilities;
    assert.equal(untrustedWorkspaces.supported, 'limited');
    assert.equal(virtualWorkspaces.supported, 'limited');
    for (const setting of ['manticore.engine', 'manticore.nodePath', 'manticore.runsFolder']) {
      assert.ok(untrustedWorkspaces.restrictedConfigurations.includes(setting), setting);
      assert.equal(contributes.configuration.properties[setting]?.scope, 'machine-overridable');
    }
  });

  it('has its pictures, the icon of at least 128 pixels', () => {
    const icon = readFileSync(path.join(root, manifest.icon));
    assert.ok(icon.readUInt32BE(16) >= 128 && icon.readUInt32BE(20) >= 128);
    const pictures = [
      ...contributes.walkthroughs.flatMap(({ steps }) => steps.map(({ media }) => media.svg)),
      ...[...text.matchAll(/"\.?\/?(media\/[\w/-]+\.(?:svg|png))"/gu)].map(([, file]) => file!),
      ...['pinned', 'pruned', 'weights'].flatMap((name) => [
        `media/${name}-light.svg`,
        `media/${name}-dark.svg`,
      ]),
    ];
    for (const picture of pictures) assert.ok(existsSync(path.join(root, picture)), picture);
  });
});
