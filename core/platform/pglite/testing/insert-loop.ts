/** A process for tests: inserts two rows a transaction into table `t` of the directory and prints a line for each. */
import { openPglite } from '../open-pglite.ts';

const database = await openPglite({ directory: process.argv[2]! });
for (let i = 0; ; i++) {
  await database.transaction(async (connection) => {
    await connection.query('INSERT INTO t VALUES ($1)', [i]);
    await connection.query('INSERT INTO t VALUES ($1)', [i]);
  });
  process.stdout.write(`${i}\n`);
}
