import assert from 'node:assert/strict';
import {
  DiagnosticSeverity,
  DiagnosticTag,
  type CodeAction,
  type Diagnostic,
} from 'vscode-languageserver-protocol';
import { quickstart, sceneFor } from './scene';
import type { EditedDocument } from './editedDocument';

async function fixesAt(document: EditedDocument, piece: string): Promise<readonly CodeAction[]> {
  const range = document.rangeOf(piece);
  const diagnostics = [...(document.diagnostics ?? [])];
  return document.request('textDocument/codeAction', { range, context: { diagnostics } });
}

describe('lsp: diagnostics', () => {
  const scene = sceneFor();

  it('a config without problems has none', async () => {
    const document = await scene.session.open(quickstart);
    assert.deepEqual(await document.expectCodes(), []);
    await document.close();
  });

  it('a problem has its code, place, severity and source', async () => {
    const document = await scene.session.open(quickstart.replace('hybrid:', 'hybird:'));
    const isUnknown = ({ code }: Diagnostic) => code === 'unknown-key';
    const found = await document.diagnosticsWhere((all) => all.some(isUnknown));
    const unknown = found.find(isUnknown);
    assert.equal(document.at(unknown!.range), 'hybird');
    assert.equal(unknown!.severity, DiagnosticSeverity.Error);
    assert.equal(unknown!.source, 'manticore');
    assert.ok(typeof unknown!.message === 'string');
    assert.match(unknown!.message, /Did you mean `hybrid`/);
    await document.close();
  });

  it('what a model’s headers say is checked', async () => {
    const document = await scene.session.open(quickstart.replace('blocks: 4', 'blocks: 400'));
    const [problem] = await document.expectCodes('too-many-blocks');
    assert.equal(document.at(problem!.range), '400');
    await document.close();
  });

  it('what has no effect is faded', async () => {
    const document = await scene.session.open(`${quickstart}  temperature: 2\n`);
    const [problem] = await document.expectCodes('no-effect');
    assert.deepEqual(problem!.tags, [DiagnosticTag.Unnecessary]);
    assert.equal(problem!.severity, DiagnosticSeverity.Warning);
    await document.close();
  });

  it('follow the edits', async () => {
    const document = await scene.session.open(quickstart);
    await document.expectCodes();
    await document.replace('steps: 100', 'steps: many');
    await document.expectCodes('wrong-type');
    await document.replace('many', '10');
    await document.expectCodes();
    await document.close();
  });

  it('go when the config is closed', async () => {
    const document = await scene.session.open('manticore: 2\n');
    await document.diagnosticsWhere((found) => found.length > 0);
    await document.close();
    await scene.session.until(
      () => scene.session.published.get(document.uri)?.diagnostics.length === 0,
      () => 'an empty list',
    );
  });

  it('another language is left alone', async () => {
    const { connection, published } = scene.session;
    const uri = 'file:///some/other.yaml';
    const textDocument = { uri, languageId: 'yaml', version: 1, text: 'manticore: nonsense\n' };
    await connection.sendNotification('textDocument/didOpen', { textDocument });
    const answer = await connection.sendRequest('textDocument/hover', {
      textDocument,
      position: { line: 0, character: 2 },
    });
    assert.equal(answer, null);
    assert.equal(published.has(uri), false);
  });
});

describe('lsp: quick fixes', () => {
  const scene = sceneFor();

  it('mend the text', async () => {
    const document = await scene.session.open(quickstart.replace('blocks: 4', 'blocks: 400'));
    const [problem] = await document.expectCodes('too-many-blocks');
    const [fix] = await fixesAt(document, '400');
    assert.deepEqual(fix!.diagnostics, [problem]);
    assert.equal(fix!.isPreferred, true);
    const [change] = fix!.edit!.documentChanges!;
    assert.ok(change && 'edits' in change);
    assert.equal(change.textDocument.version, document.version);
    const edits = change.edits.map((edit) => {
      assert.ok('newText' in edit);
      return edit;
    });
    assert.match(document.applied(edits), /blocks: 4\n/);
    await document.close();
  });

  it('a hub model that is not there can be downloaded', async () => {
    const document = await scene.session.open(
      quickstart.replace('./models/tiny-neox', 'hf:no-such-owner/no-such-model'),
    );
    await document.expectCodes('not-cached');
    const [fix] = await fixesAt(document, 'hf:no-such-owner');
    assert.deepEqual(fix!.command, {
      title: 'Download hf:no-such-owner/no-such-model',
      command: 'manticore.downloadModel',
      arguments: ['hf:no-such-owner/no-such-model'],
    });
    await document.close();
  });

  it('only what is asked for is offered', async () => {
    const document = await scene.session.open(quickstart.replace('blocks: 4', 'blocks: 400'));
    await document.expectCodes('too-many-blocks');
    const actions = await document.request<CodeAction[]>('textDocument/codeAction', {
      range: document.rangeOf('400'),
      context: { diagnostics: [], only: ['source'] },
    });
    assert.deepEqual(actions, []);
    await document.close();
  });
});
