/** ListOps as the release writes it: a heading, then a line of a tree, a tab and its value. */
import type { LraSource } from '../../../contract/config';
import type { LineReader } from './listed';
import { LISTOPS_IDS } from './listops';
import type { ReleaseFolder } from './releaseFolder';

export const LISTOPS_FILES = {
  train: 'basic_train.tsv',
  validation: 'basic_val.tsv',
  test: 'basic_test.tsv',
} as const;

const decoder = new TextDecoder('latin1');

export function listopsLine({ length }: LraSource, folder: ReleaseFolder): LineReader {
  return ({ number, bytes }, file) => {
    const text = decoder.decode(bytes);
    if (number === 1 && text === 'Source\tTarget') return undefined;
    const damaged = (why: string) => folder.damaged(file, `line ${number} ${why}`);
    const [tree = '', value = '', ...more] = text.split('\t');
    if (!/^\d$/.test(value) || more.length > 0) throw damaged('is no tree, a tab and a digit');
    const words = tree.split(' ').filter((word) => word !== '(' && word !== ')' && word !== '');
    const ids = words.map((word) => {
      const id = LISTOPS_IDS.get(word);
      if (id === undefined) throw damaged(`holds “${word.slice(0, 20)}”, which ListOps has not`);
      return id;
    });
    if (ids.length === 0) throw damaged('has no tree');
    // A tree that is cut off has another value.
    if (ids.length > length) {
      throw damaged(`has ${ids.length} tokens, more than the ${length} of \`length\``);
    }
    return { sequences: [Uint8Array.from(ids)], label: Number(value) };
  };
}
