/** Requests that are cancelled or come too late, edits while the disk is slow, trust. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  CancellationTokenSource,
  LSPErrorCodes,
  ResponseError,
  type CodeLens,
  type CompletionList,
} from 'vscode-languageserver-protocol';
import type { ModelChoice, Outcome } from '../../server/contract/editor';
import { checkConfig } from '../../server/language/checkConfig';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { quickstart, sceneFor } from './scene';

const hasCode = (code: number) => (error: unknown) =>
  error instanceof ResponseError && error.code === code;

describe('lsp: cancelled and late requests', () => {
  const scene = sceneFor();

  it('a cancelled request is answered as cancelled', async () => {
    const document = await scene.session.open(quickstart);
    await document.expectCodes();
    // A text that takes a while to check, so that the cancellation finds the request under way.
    const end = document.positionAt(document.text.length);
    await document.change([{ range: { start: end, end }, text: '# remark\n'.repeat(20_000) }]);
    const source = new CancellationTokenSource();
    const asked = scene.session.connection.sendRequest(
      'textDocument/documentSymbol',
      { textDocument: document.textDocument },
      source.token,
    );
    source.cancel();
    await assert.rejects(asked, hasCode(LSPErrorCodes.RequestCancelled));
    await document.close();
  });

  it('many requests, half of them cancelled: each is answered, and the server goes on', async () => {
    const document = await scene.session.open(quickstart);
    const asked = Array.from({ length: 200 }, (_, index) => {
      const source = new CancellationTokenSource();
      const answer = scene.session.connection.sendRequest(
        index % 3 === 0 ? 'textDocument/completion' : 'textDocument/hover',
        { textDocument: document.textDocument, position: { line: index % 14, character: 4 } },
        source.token,
      );
      if (index % 2 === 0) source.cancel();
      return answer.then(
        () => 'answered',
        (error: unknown) =>
          hasCode(LSPErrorCodes.RequestCancelled)(error) ? 'cancelled' : String(error),
      );
    });
    const outcomes = new Set(await Promise.all(asked));
    assert.ok([...outcomes].every((outcome) => ['answered', 'cancelled'].includes(outcome)));
    await document.expectCodes();
    await document.close();
  });
});

describe('lsp: late answers', () => {
  const scene = sceneFor();

  it('an answer for a text that has changed since is refused as such', async () => {
    // The first question to the disk starts the process that reads it, so the edit comes while the listing is awaited.
    const document = await scene.session.open(
      quickstart.replace('./models/tiny-neox', './models/|'),
    );
    const asked = document.request('textDocument/completion');
    const edited = document.replace('batch: 4', 'batch: 5');
    await assert.rejects(asked, hasCode(LSPErrorCodes.ContentModified));
    await edited;
    const symbols = await document.request<unknown[]>('textDocument/documentSymbol');
    assert.equal(symbols.length, 5);
    await document.close();
  });
});

describe('lsp: a slow disk', () => {
  const scene = sceneFor();

  it('a huge tokenizer is read beside typing: diagnostics come before it, then with it', async () => {
    const folder = path.join(scene.folder, 'models/huge');
    await mkdir(folder);
    for (const name of ['config.json', 'model.safetensors']) {
      const bytes = await readFile(path.join(scene.folder, 'models/tiny-neox', name));
      await writeFile(path.join(folder, name), bytes);
    }
    const vocabulary = Object.fromEntries(
      Array.from({ length: 200_000 }, (_, index) => [`token${index}`, index]),
    );
    const tokenizer = { model: { type: 'BPE', vocab: vocabulary, merges: [] }, added_tokens: [] };
    await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));

    const document = await scene.session.open(
      quickstart.replace('./models/tiny-neox', './models/huge').replace('batch: 4', 'batch: x'),
    );
    // The text's own mistake at once, and again for each keystroke.
    await document.diagnosticsWhere((found) => found.some(({ code }) => code === 'wrong-type'));
    const first = document.diagnostics!.length;
    for (const digit of ['y', 'z', 'x']) {
      await document.replace('batch: ', `batch: ${digit}`);
      await document.diagnosticsWhere((found) => found.some(({ code }) => code === 'wrong-type'));
    }
    // What its headers say comes by itself.
    await document.diagnosticsWhere((found) => found.length > first);
    await document.close();
  });

  it('a pipe in the place of a model’s file holds nothing up', async function () {
    if (process.platform === 'win32') this.skip();
    const folder = path.join(scene.folder, 'models/pipe');
    await mkdir(folder);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
      execFileSync('mkfifo', [path.join(folder, name)]);
    }
    const document = await scene.session.open(
      quickstart.replace('./models/tiny-neox', './models/pipe'),
    );
    await document.expectCodes('damaged-model');
    await document.replace('blocks: 4', 'blocks: none');
    await document.diagnosticsWhere((found) => found.some(({ code }) => code === 'wrong-type'));
    await document.close();
  });
});

describe('lsp: a disk that changes', () => {
  const scene = sceneFor();

  it('what configs name is watched, and looked up again', async () => {
    const document = await scene.session.open(
      quickstart.replace('./data/train.txt', './data/later.txt'),
    );
    await document.expectCodes('missing-file');
    await scene.session.until(
      () =>
        scene.session.watchers.some(
          ({ globPattern }) =>
            typeof globPattern === 'object' && globPattern.pattern === 'later.txt',
        ),
      () => 'a watcher for the missing file',
    );
    const file = path.join(scene.folder, 'data/later.txt');
    await writeFile(file, 'words '.repeat(1000));
    await scene.session.filesChanged(file);
    await document.expectCodes();

    const model = path.join(scene.folder, 'models/tiny-neox');
    await rename(model, `${model}-away`);
    await scene.session.filesChanged(model);
    await document.expectCodes('missing-model');
    await rename(`${model}-away`, model);
    await scene.session.filesChanged(model);
    await document.expectCodes();
    await document.close();
  });
});

describe('lsp: an untrusted workspace', () => {
  const scene = sceneFor({ trusted: false });

  it('reads its own files, and no others, until it is trusted', async () => {
    const inside = await scene.session.open(quickstart.replace('blocks: 4', 'blocks: 400'));
    await inside.expectCodes('too-many-blocks');
    await inside.close();

    const escaping = await scene.session.open(
      quickstart
        .replace('./models/tiny-neox', path.resolve('examples/models/tiny-neox'))
        .replace('./models/tiny-mamba', 'hf:gpt2'),
    );
    const [outside, hub] = await escaping.expectCodes('damaged-model', 'damaged-model');
    assert.ok(typeof outside!.message === 'string' && typeof hub!.message === 'string');
    assert.match(outside!.message, /outside the workspace/);
    assert.match(hub!.message, /once you trust/);
    const lenses = await escaping.request<CodeLens[]>('textDocument/codeLens');
    assert.deepEqual(lenses, []);
    const watched = () => scene.session.watchers.map(({ globPattern }) => globPattern);
    const isWatched = (name: string) =>
      watched().some((glob) => typeof glob === 'object' && glob.pattern === name);
    // The document before may have been watched first, with its model inside.
    await scene.session.until(
      () => isWatched('train.txt') && !isWatched('tiny-neox'),
      () => 'watchers for the files inside alone',
    );
    const root = pathToFileURL(scene.folder).href;
    for (const glob of watched()) {
      const base = typeof glob === 'object' ? glob.baseUri : undefined;
      assert.ok(typeof base === 'string' && base.startsWith(root), JSON.stringify(glob));
    }

    const stranger = await scene.session.open(quickstart, {
      file: path.resolve('examples/other.manticore.yaml'),
    });
    const found = await stranger.diagnosticsWhere((all) => all.length === 4);
    assert.ok(found.every(({ message }) => /once you trust/.test(message as string)));
    const { items } = await stranger.request<CompletionList>('textDocument/completion', {
      position: stranger.rangeOf('tiny-neox').start,
    });
    assert.deepEqual(
      items.filter(({ label }) => label.startsWith('tiny')),
      [],
    );

    await scene.session.connection.sendNotification('manticore/trusted');
    await escaping.expectCodes('not-cached');
    await stranger.expectCodes();
    const [lens] = await escaping.request<CodeLens[]>('textDocument/codeLens');
    assert.equal(lens!.command!.command, 'manticore.runSearch');
    await escaping.close();
    await stranger.close();
  });
});

describe('lsp: configs that are no files', () => {
  const scene = sceneFor();

  it('an unsaved one starts from the workspace’s folder', async () => {
    const document = await scene.session.open(quickstart.replace('blocks: 4', 'blocks: 400'), {
      uri: 'untitled:Untitled-1',
    });
    await document.expectCodes('too-many-blocks');
    await document.close();
  });

  it('of one in a virtual file system only the text is checked', async () => {
    const document = await scene.session.open(quickstart.replace('batch: 4', 'batch: 0'), {
      uri: 'vscode-vfs://github/some/one.manticore.yaml',
    });
    await document.expectCodes('wrong-value');
    await document.close();
  });
});

describe('lsp: new configs', () => {
  const scene = sceneFor();

  const ask = <T>(method: string, params: unknown): Promise<Outcome<T>> =>
    scene.session.connection.sendRequest(method, params);

  it('models at hand are listed as a config names them', async () => {
    const found = await ask<readonly ModelChoice[]>('manticore/models', { folder: scene.folder });
    assert.ok(found.ok);
    const local = found.value.filter(({ source }) => !source.startsWith('hf:'));
    assert.deepEqual(
      local.map(({ source, family }) => [source, family]),
      [
        ['./models/tiny-mamba', 'mamba'],
        ['./models/tiny-neox', 'gptNeox'],
      ],
    );
    assert.ok(local.every(({ layers, parameters }) => layers >= 4 && parameters > 1000));
  });

  it('from a folder below, by the way up', async () => {
    const folder = path.join(scene.folder, 'configs');
    const found = await ask<readonly ModelChoice[]>('manticore/models', { folder });
    assert.ok(found.ok && found.value.some(({ source }) => source === '../models/tiny-neox'));
  });

  it('a new config is clean but for its data', async () => {
    const made = await ask<string>('manticore/newConfig', {
      folder: scene.folder,
      sources: ['./models/tiny-neox', './models/tiny-mamba'],
    });
    assert.ok(made.ok);
    const place = { name: 'new', base: scene.folder, reader: createNodeModelReader() };
    const { problems } = await checkConfig(made.value, place);
    assert.deepEqual(
      problems.filter(({ code }) => code !== 'missing-file'),
      [],
    );
  });

  it('what can’t be used is said in a sentence', async () => {
    const made = await ask<string>('manticore/newConfig', {
      folder: scene.folder,
      sources: ['./data'],
    });
    assert.ok(!made.ok);
    assert.equal(made.error.code, 'unusable-model');
    assert.match(made.error.message, /\.\/data can’t be used/);
  });

  it('nonsense is refused', async () => {
    for (const params of [null, {}, { folder: 7 }, { folder: '/', sources: [] }]) {
      const answer = await ask<string>('manticore/newConfig', params);
      assert.ok(!answer.ok && answer.error.code === 'bad-request');
    }
  });
});

describe('lsp: links to a folder that went', () => {
  const scene = sceneFor();

  it('a config in it goes on to be answered', async () => {
    const folder = path.join(scene.folder, 'gone');
    await mkdir(folder);
    const file = path.join(folder, 'one.manticore.yaml');
    const document = await scene.session.open(quickstart, { file });
    await document.diagnosticsWhere((found) => found.length > 0);
    await rm(folder, { recursive: true });
    await document.replace('batch: 4', 'batch: 5');
    await document.diagnosticsWhere((found) => found.length > 0);
    assert.equal(document.uri, pathToFileURL(file).href);
    await document.close();
  });
});
