// The command line in a process that tells its heap and its use of the processor when it is asked to.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  process.send?.({ processorMs: (user + system) / 1000, heapBytes: process.memoryUsage().heapUsed });
});
await import('#core/node/cli.ts');
