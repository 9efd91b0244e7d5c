/** Inside `sweep`: keys of the language as paths with dots, and in their lists what the key itself takes. */
import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import type { Path } from '../configDocument';
import { configSchema } from '../schema';
import { schemasAt } from '../schemaWalk';
import { isSweepable, sweptPath } from '../sweep';
import type { Completion, CompletionScene } from './completionTypes';
import { itemCompletions, valueCompletions } from './completionValues';
import { keyDocumentation } from './keyDocs';
import { keysNameComponents } from './names';

/** Most keys that are offered. */
const MAX_KEYS = 300;

export async function sweepCompletions(scene: CompletionScene): Promise<readonly Completion[]> {
  const { caret } = scene;
  if (caret.path.length === 1) return caret.role === 'key' ? sweepKeys(scene) : [];
  // An item of the list is a value of the key that the list is for.
  const isItem = caret.role === 'item' && caret.path.length === 2;
  const path = sweptPath(isItem ? [...caret.path, '0'] : caret.path);
  if (caret.role === 'key' && !keysNameComponents(path)) return [];
  const role = isItem ? 'value' : caret.role;
  const inside: CompletionScene = { ...scene, caret: { ...caret, role, path } };
  if (role === 'item') return itemCompletions(inside);
  if (role === 'value') {
    const written = new Set(isItem ? caret.siblings : []);
    return (await valueCompletions(inside)).filter(({ label }) => !written.has(label));
  }
  return scene.components
    .filter((name) => !caret.siblings.includes(name))
    .map((name) => ({
      label: name,
      kind: 'component',
      edit: { span: caret.word, text: caret.hasColon ? name : `${name}: ` },
      snippet: false,
    }));
}

function sweepKeys({ caret, components }: CompletionScene): readonly Completion[] {
  const written = new Set(caret.siblings);
  return leaves(configSchema, [], components)
    .map((path) => path.join('.'))
    .filter((key) => !written.has(key) && isSweepable(key))
    .slice(0, MAX_KEYS)
    .map((key, index) => {
      const documentation = keyDocumentation(key.split('.'));
      return {
        label: key,
        kind: 'key',
        ...(documentation === undefined ? {} : { documentation }),
        edit: { span: caret.word, text: caret.hasColon ? key : `${key}: [$0]` },
        snippet: !caret.hasColon,
        sortText: `1${String(index).padStart(4, '0')}`,
        again: !caret.hasColon,
      };
    });
}

/** Paths of the keys that hold a value of their own, components by their names, blocks as `all`. */
function leaves(schema: $ZodType, path: Path, components: readonly string[]): readonly Path[] {
  return schemasAt(schema, [])
    .flatMap((option): readonly Path[] => {
      const { def } = (option as $ZodTypes)._zod;
      if (def.type === 'object') {
        return Object.entries(def.shape).flatMap(([key, inner]) =>
          leaves(inner, [...path, key], components),
        );
      }
      if (def.type === 'record') {
        const names = namesAt(path, components);
        return names.length === 0
          ? [path]
          : names.flatMap((name) => leaves(def.valueType, [...path, name], components));
      }
      return [path];
    })
    .filter((leaf, index, all) => all.findIndex((other) => other.join() === leaf.join()) === index);
}

function namesAt(path: Path, components: readonly string[]): readonly string[] {
  if (path.join('.') === 'components') return components;
  return path.join('.') === 'hybrid.mixture' ? ['all'] : [];
}
