/** The extension in a trusted folder that holds the quickstart. */
import assert from 'node:assert/strict';
import {
  CodeActionKind,
  WorkspaceEdit,
  commands,
  extensions,
  languages,
  workspace,
  type CodeAction,
  type CodeLens,
  type CompletionList,
  type DocumentSymbol,
  type FoldingRange,
  type Hover,
  type Location,
  type SemanticTokens,
  type TextEdit,
} from 'vscode';
import {
  codeOf,
  diagnosticsWhen,
  extensionId,
  inFolder,
  placeOf,
  provided,
  replace,
  shown,
} from './editorText';
import { runInside } from './runInside';
import { eventually } from '../waiting';

const config = 'quickstart.manticore.yaml';

/** A hover's Markdown, whichever of its older shapes it has. */
function textOf(content: Hover['contents'][number]): string {
  return typeof content === 'string' ? content : (content as { readonly value: string }).value;
}

function activation(): void {
  it('comes with a config, whose language is Manticore', async () => {
    const document = await shown(inFolder(config));
    assert.equal(document.languageId, 'manticore');
    await eventually('activation', () =>
      extensions.getExtension(extensionId)?.isActive === true ? true : undefined,
    );
  });

  it('registers every command of the manifest', async () => {
    const manifest = extensions.getExtension(extensionId)?.packageJSON as {
      readonly contributes: { readonly commands: readonly { readonly command: string }[] };
    };
    assert.ok(manifest.contributes.commands.length >= 20);
    const registered = new Set(await commands.getCommands(true));
    const missing = manifest.contributes.commands
      .map(({ command }) => command)
      .filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  it('leaves other YAML alone', async () => {
    const other = await workspace.openTextDocument({ language: 'yaml', content: 'algoritm: 1\n' });
    assert.deepEqual(languages.getDiagnostics(other.uri), []);
  });
}

function diagnostics(): void {
  it('are none for the quickstart', async () => {
    const { uri } = await shown(inFolder(config));
    // A lens shows that the server has read the document.
    await provided<CodeLens>('vscode.executeCodeLensProvider', uri);
    assert.deepEqual(languages.getDiagnostics(uri), []);
  });

  it('come with a mistake, go with its quick fix, and the text is as before', async () => {
    const document = await shown(inFolder(config));
    const before = document.getText();
    await replace(document, 'algorithm:', 'algoritm:');
    const [problem] = await diagnosticsWhen(document.uri, 'the mistake', (all) => all.length > 0);
    assert.ok(problem);
    assert.equal(codeOf(problem), 'unknown-key');
    assert.match(problem.message, /Did you mean `algorithm`/);
    const [fix] = await provided<CodeAction>(
      'vscode.executeCodeActionProvider',
      document.uri,
      problem.range,
      CodeActionKind.QuickFix.value,
    );
    assert.ok(fix?.edit, 'the first quick fix is an edit');
    assert.ok(await workspace.applyEdit(fix.edit));
    assert.equal(document.getText(), before);
    await diagnosticsWhen(document.uri, 'the end of the mistake', (all) => all.length === 0);
  });

  it('come from the headers of model files as well', async () => {
    const document = await shown(inFolder(config));
    await replace(document, 'blocks: 4', 'blocks: 6');
    const found = await diagnosticsWhen(document.uri, 'too many blocks', (all) => all.length > 0);
    assert.deepEqual(found.map(codeOf), ['too-many-blocks']);
    await replace(document, 'blocks: 6', 'blocks: 4');
    await diagnosticsWhen(document.uri, 'the end of it', (all) => all.length === 0);
  });
}

function language(): void {
  it('offers to run above the config', async () => {
    const { uri } = await shown(inFolder(config));
    const lenses = await provided<CodeLens>('vscode.executeCodeLensProvider', uri, 10);
    const run = lenses.find(({ command }) => command?.command === 'manticore.runSearch');
    assert.ok(run, 'there is a lens that runs the search');
    assert.equal(run.range.start.line <= 3, true, 'it stands at the top');
  });

  it('completes keys and components', async () => {
    const document = await shown(inFolder(config));
    const labels = async (text: string): Promise<readonly string[]> => {
      const list = await commands.executeCommand<CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        placeOf(document, text),
      );
      return list.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
    };
    assert.ok((await labels('algorithm: darts')).includes('weightDecay'));
    assert.ok((await labels('darts')).includes('gaea'));
  });

  it('explains on hover', async () => {
    const document = await shown(inFolder(config));
    const hovers = await provided<Hover>(
      'vscode.executeHoverProvider',
      document.uri,
      placeOf(document, 'alphaLearningRate'),
    );
    const text = hovers
      .flatMap(({ contents }) => contents)
      .map((content) => textOf(content))
      .join('\n');
    assert.match(text, /architecture parameters/);
  });

  it('finds and renames a component', async () => {
    const document = await shown(inFolder(config));
    await replace(document, '  blocks: 4\n', '  blocks: 4\n  mixture:\n    2: { pin: neox }\n');
    const use = placeOf(document, 'neox }');
    const [definition] = await provided<Location>(
      'vscode.executeDefinitionProvider',
      document.uri,
      use,
    );
    assert.ok(definition);
    assert.equal(definition.range.start.line, placeOf(document, 'neox:').line);
    const edit = await commands.executeCommand<WorkspaceEdit>(
      'vscode.executeDocumentRenameProvider',
      document.uri,
      use,
      'transformer',
    );
    assert.ok(await workspace.applyEdit(edit));
    assert.match(document.getText(), /^ {2}transformer:$/m);
    assert.match(document.getText(), /2: \{ pin: transformer \}/);
    await commands.executeCommand('undo');
    await commands.executeCommand('undo');
    assert.doesNotMatch(document.getText(), /mixture|transformer:$/m);
  });

  it('outlines, folds and colours', async () => {
    const { uri } = await shown(inFolder(config));
    const symbols = await provided<DocumentSymbol>('vscode.executeDocumentSymbolProvider', uri);
    const names = symbols.map(({ name }) => name);
    for (const name of ['components', 'hybrid', 'data', 'search']) assert.ok(names.includes(name));
    const folds = await provided<FoldingRange>('vscode.executeFoldingRangeProvider', uri);
    assert.ok(folds.length >= 4);
    const tokens = await eventually('semantic tokens', async () => {
      const found = await commands.executeCommand<SemanticTokens | undefined>(
        'vscode.provideDocumentSemanticTokens',
        uri,
      );
      return found && found.data.length > 0 ? found : undefined;
    });
    assert.equal(tokens.data.length % 5, 0);
  });

  it('formats, and keeps comments', async () => {
    const document = await shown(inFolder(config));
    await replace(document, 'blocks: 4', 'blocks:    4 # N');
    const edits = await provided<TextEdit>('vscode.executeFormatDocumentProvider', document.uri, {
      tabSize: 2,
      insertSpaces: true,
    });
    assert.ok(edits.length > 0);
    const edit = new WorkspaceEdit();
    edit.set(document.uri, edits);
    assert.ok(await workspace.applyEdit(edit));
    assert.match(document.getText(), /^ {2}blocks: 4 # N$/m);
    assert.match(document.getText(), /^# Two small pretrained models/);
    await commands.executeCommand('workbench.action.files.revert');
  });
}

/** What VS Code calls to run the tests. */
export function run(): Promise<void> {
  return runInside(() => {
    describe('activation', activation);
    describe('diagnostics', diagnostics);
    describe('language', language);
  });
}
