/** The arrows of the layout: mesh ← node ← relay ← cli, and carriage and content that do not know each other. */
const CARRIAGE = '^mesh/(store|intake|sync|routing)/'
const CONTENT = '^mesh/(contacts|content|conversations|groups|search|verification)/'
const TESTS = '\\.spec\\.ts$|^mesh/testing/'

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'mesh-imports-only-mesh', severity: 'error', from: { path: '^mesh/' }, to: { path: '^(node|relay|cli|test-net|scripts)/' } },
    { name: 'node-does-not-import-right', severity: 'error', from: { path: '^node/' }, to: { path: '^(relay|cli|test-net|scripts)/' } },
    {
      name: 'cli-speaks-through-control',
      comment: 'commands talk to a running node by node/control; only `up` composes one',
      severity: 'error',
      from: { path: '^cli/', pathNot: ['^cli/commands/up', TESTS] },
      to: { path: '^node/', pathNot: '^node/(control|config|keystore)/' },
    },
    { name: 'nobody-imports-test-net', severity: 'error', from: { path: '^(mesh|node|cli|scripts)/' }, to: { path: '^test-net/' } },
    {
      name: 'carriage-never-looks-inside',
      severity: 'error',
      from: { path: CARRIAGE, pathNot: TESTS },
      to: { path: '^mesh/(contacts|content|conversations|identity)/' },
    },
    { name: 'content-never-touches-a-link', severity: 'error', from: { path: CONTENT, pathNot: TESTS }, to: { path: '^mesh/(sync)/' } },
    {
      name: 'mesh-is-pure',
      comment: 'no sockets, disks, wall clock, environment inside mesh',
      severity: 'error',
      from: { path: '^mesh/', pathNot: [TESTS, '^mesh/(envelope|sync/riblt)/make-vectors\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'mesh-takes-few-packages',
      severity: 'error',
      from: { path: '^mesh/', pathNot: TESTS },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer'],
        pathNot: 'node_modules/(@noble/(hashes|ciphers)|tweetnacl|@scure/(base|bip39)|cborg|abstract-level|ts-mls)/',
      },
    },
    {
      name: 'libp2p-stays-in-its-rooms',
      severity: 'error',
      from: { path: '^(mesh|node|cli)/', pathNot: ['^node/(host|transports|discovery|discovery-dht|protocols)/', TESTS] },
      to: { path: 'node_modules/(@libp2p|libp2p|@chainsafe|@multiformats)/' },
    },
    {
      name: 'level-stays-in-storage',
      severity: 'error',
      from: { path: '^(mesh|node|cli)/', pathNot: ['^node/storage/', TESTS] },
      to: { path: 'node_modules/(classic-level|memory-level)/' },
    },
    {
      name: 'mls-has-one-adapter',
      severity: 'error',
      from: { path: '^(mesh|node|cli|test-net)/', pathNot: ['^mesh/mls/', '^test-net/(vectors|bench)/'] },
      to: { path: 'node_modules/ts-mls/' },
    },
    { name: 'tests-are-not-imported', severity: 'error', from: { pathNot: [TESTS, '^test-net/'] }, to: { path: '^mesh/testing/|\\.spec\\.ts$' } },
    { name: 'only-packages-we-name', severity: 'error', from: {}, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] } },
    { name: 'nothing-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'default'], extensions: ['.ts', '.js', '.json'] },
  },
}
