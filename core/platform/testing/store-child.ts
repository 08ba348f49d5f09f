/**
 * A process for tests of the store: `hold DIR` opens it and waits; `commit DIR` writes synced commits in a loop and prints
 * the number of each one once it is acknowledged; `try DIR` tells the code of the error that opening gives.
 */
import { toUtf8 } from '#core/kernel/index.ts';
import { openLevelStore } from '../level-store.ts';
import { Commit } from '../ports.ts';

const [, , task, directory] = process.argv;

if (task === 'try') {
  const outcome = await openLevelStore(directory!).then(
    () => 'opened',
    (error: { code?: string }) => error.code,
  );
  process.stdout.write(`${outcome}\n`);
} else {
  const store = await openLevelStore(directory!);
  process.stdout.write('ready\n');
  if (task === 'hold') setInterval(() => undefined, 1000);
  for (let i = Number(process.argv[4] ?? 0); task === 'commit'; i++) {
    // Large enough that a commit is cut in the middle now and then.
    const value = toUtf8(`${i} `.repeat(2000));
    const commit = new Commit();
    for (let part = 0; part < 5; part++) commit.put(`commit!${String(i).padStart(8, '0')}!${part}`, value);
    await store.write(commit, { sync: true });
    process.stdout.write(`${i}\n`);
  }
}
