/**
 * Who may know whom. ARCHITECTURE.md says why; this table is what is checked, by `npm run check`.
 * Tests, test helpers and scripts are free: they may look at everything.
 */

/** A folder may import folders of earlier lines, and itself. */
const RANKS = [
  ['core/kernel'],
  ['core/platform'],
  ['core/columnar', 'core/audit'],
  ['core/catalog'],
  ['core/lineage'],
  ['core/ingestion', 'core/query'],
  ['core/api'],
  ['sync'],
  ['core/node'],
];

/** The one place that may import a package, or the few. A package that is not listed belongs in adapters. */
const DOORS = {
  '@electric-sql/pglite': '^core/platform/',
  pg: '^core/platform/',
  'pg-copy-streams': '^core/platform/',
  'classic-level': '^core/platform/',
  '@duckdb/node-api': '^core/query/adapters/',
  'parquet-wasm': '^core/ingestion/adapters/',
  'csv-parse': '^core/ingestion/adapters/',
  tinyglobby: '^core/(ingestion/adapters|node)/',
  'hash-wasm': '^(core/[^/]+|sync/log)/adapters/',
  fzstd: '^core/columnar/adapters/',
  '@?libp2p': '^sync/transport/adapters/',
  '@multiformats': '^sync/transport/adapters/',
  yjs: '^sync/documents/adapters/',
};

/** Words every slice speaks: Arrow's tables and zod's schemas stand in their interfaces. */
const VOCABULARY = 'node_modules/(apache-arrow|zod)/';

const FREE = '\\.test\\.ts$|/testing/|^(tests|scripts)/';
const SLICE = '^(core/(?!kernel/|platform/|node/)[^/]+|sync/[^/]+)/';
const PLATFORM_PORTS = '^core/platform/ports\\.ts$';
const PACKAGES = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'];

const rankRules = RANKS.flatMap((folders, rank) =>
  folders
    .map((folder) => {
      const siblings = folders.filter((other) => other !== folder);
      return { folder, forbidden: [...siblings, ...RANKS.slice(rank + 1).flat()] };
    })
    .filter(({ forbidden }) => forbidden.length > 0)
    .map(({ folder, forbidden }) => ({
      name: `no-upward-import:${folder}`,
      comment: 'A folder imports from earlier ranks only; folders of one rank do not know each other.',
      severity: 'error',
      from: { path: `^${folder}/`, pathNot: FREE },
      to: { path: `^(${forbidden.join('|')})/` },
    })),
);

const doorRules = Object.entries(DOORS).map(([vendor, door]) => ({
  name: `one-door-per-vendor:${vendor}`,
  comment: 'A package has one door, so that it can be replaced there.',
  severity: 'error',
  from: { pathNot: [door, FREE] },
  to: { path: `node_modules/${vendor}/` },
}));

module.exports = {
  forbidden: [
    ...rankRules,
    ...doorRules,
    {
      name: 'every-folder-has-a-rank',
      comment: 'A new slice gets a line in RANKS first.',
      severity: 'error',
      from: { path: '^(core|sync)/[^/]+/', pathNot: `^(${RANKS.flat().join('|')})/` },
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'Types may refer to each other; code that runs may not.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'every-import-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'front-door-only',
      comment: 'Another slice is entered by its index.ts. The composition root, core/node, may take adapters too.',
      severity: 'error',
      from: { path: SLICE, pathNot: FREE },
      to: { path: SLICE, pathNot: ['^$1/', '^(core|sync)/[^/]+/index\\.ts$'] },
    },
    {
      name: 'inside-knows-no-adapter',
      comment: 'Nouns and verbs of a slice see ports; only adapters see the platform. A front door may offer adapters.',
      severity: 'error',
      from: { path: SLICE, pathNot: ['/adapters/', '/(index|browser)\\.ts$', FREE] },
      to: { path: '/adapters/|^core/platform/', pathNot: PLATFORM_PORTS },
    },
    {
      name: 'inside-does-no-io',
      comment: "Node's own modules only in adapters, the platform and the composition root.",
      severity: 'error',
      from: { path: '^(core|sync)/', pathNot: ['/adapters/', '^core/(platform|node)/', FREE] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'inside-knows-no-vendor',
      comment: 'Packages only in adapters, the platform and the composition root, but for the vocabulary.',
      severity: 'error',
      from: { path: '^(core|sync)/', pathNot: ['/adapters/', '^core/(platform|node)/', FREE] },
      to: { dependencyTypes: PACKAGES, pathNot: VOCABULARY },
    },
    {
      name: 'product-needs-no-development-package',
      comment: 'What runs at a member must be a dependency; some development packages carry code we may not ship.',
      severity: 'error',
      from: { path: '^(core|sync|migrations)/', pathNot: FREE },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
    {
      name: 'product-knows-no-test',
      severity: 'error',
      from: { path: '^(core|sync|migrations)/', pathNot: FREE },
      to: { path: FREE },
    },
    {
      name: 'no-undeclared-package',
      comment: 'A package that is not in package.json can vanish with the next update.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^core/columnar/(av1/)?wasm/.*\\.as\\.ts$|/assembly/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
