import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** The walls of ARCHITECTURE.md: a folder may import only what stands upstream of it. */
const parts = [
  'contract',
  'models',
  'language',
  'files',
  'weights',
  'runs',
  'report',
  'commands',
  'compute',
  'cli',
  'lsp',
];
const mayImport = {
  contract: [],
  models: ['contract'],
  language: ['contract', 'models'],
  files: ['contract'],
  weights: ['contract', 'models', 'files'],
  runs: ['contract', 'files'],
  report: ['contract', 'files', 'runs'],
  compute: ['contract', 'models', 'files', 'weights', 'runs', 'report'],
  commands: ['contract', 'models', 'language', 'files', 'weights', 'runs', 'report'],
  cli: ['contract', 'models', 'language', 'files', 'weights', 'runs', 'report', 'commands'],
  lsp: ['contract', 'models', 'language', 'files', 'weights', 'runs', 'report', 'commands'],
};
const onlyIn = [
  { packages: ['@tensorflow/*', '@tensorflow/*/**'], part: 'compute' },
  { packages: ['vscode-languageserver', 'vscode-languageserver/*'], part: 'lsp' },
];

/** Both ends of the editor know the contract and nothing else of the server. */
const ends = ['client', 'webview'].map((end) => ({
  files: [`${end}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `/(server/(?!contract/)|${end === 'client' ? 'webview' : 'client'}/)`,
            message: `${end} knows server/contract only (ARCHITECTURE.md, "The walk").`,
          },
          ...(end === 'webview'
            ? [{ regex: '^(node:|vscode)', message: 'The panel runs in a browser.' }]
            : []),
        ],
      },
    ],
  },
}));
const toolkitWall = {
  files: ['webview/**/*.ts'],
  ignores: ['webview/toolkit.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      {
        selector: 'ImportDeclaration[source.value="@vscode/webview-ui-toolkit"]',
        message:
          'Controls come from webview/toolkit.ts alone: its package is archived, a successor replaces one file.',
      },
    ],
  },
};

/** A GPU can't be read synchronously. */
const readWall = {
  files: ['server/compute/**/*.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      {
        selector: 'MemberExpression[property.name=/^(data|array|buffer)Sync$/]',
        message: 'Values of tensors are read asynchronously: some engines can do nothing else.',
      },
    ],
  },
};

const walls = parts.map((part) => ({
  files: [`server/${part}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: parts
              .filter((other) => other !== part && !mayImport[part].includes(other))
              .map((other) => `**/../${other}/**`),
            message: `server/${part} stands upstream of this (ARCHITECTURE.md, "The walk").`,
          },
          ...onlyIn
            .filter((rule) => rule.part !== part)
            .map((rule) => ({
              group: rule.packages,
              message: `Only server/${rule.part} uses this package.`,
            })),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'build/**',
      'coverage/**',
      'node_modules/**',
      'server/compute/engine/wasm/assembly/**',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.dom.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Indices into typed arrays are in bounds by construction in numeric loops.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
    },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-unused-expressions': 'off' } },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly' },
    },
  },
  ...walls,
  ...ends,
  toolkitWall,
  readWall,
);
