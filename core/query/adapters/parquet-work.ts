import { randomBytes } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { RecordBatchReader } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { engineError } from './engine-error.ts';
import { type EngineInstance, type InstanceOptions, openEngineInstance } from './engine-instance.ts';
import type { DuckDBConnection } from '@duckdb/node-api';
import { openInbox } from './inbox.ts';
import type { FromWork } from './query-messages.ts';
import { createSentTable } from './sent-table.ts';
import { quoteName, quoteText } from './quote.ts';

export interface ParquetOrder {
  /** Arrow IPC stream without batches. */
  readonly schema: Uint8Array;
  /** Where the file goes. It may be there already, and is then replaced. */
  readonly path: string;
  readonly port: MessagePort;
}

/**
 * Writes the rows that are sent as a Parquet file with zstd, as DuckDB writes it by default, and tells how many bytes
 * each column takes in it. The database may open this one file and no other.
 */
export async function runParquetWork(options: InstanceOptions, { schema, path, port }: ParquetOrder): Promise<void> {
  let instance: EngineInstance | undefined;
  let connection: DuckDBConnection | undefined;
  const inbox = openInbox(port, () => connection?.interrupt());
  const post = (message: FromWork) => port.postMessage(message);
  try {
    instance = await openEngineInstance({ ...options, allowedPath: path });
    ({ connection } = await instance.connect());
    const { fields } = RecordBatchReader.from(schema).open().schema;
    const columnName = (index: number) => `c${index}`;
    const table = await createSentTable(connection, `t${randomBytes(4).toString('hex')}`, fields, columnName);
    try {
      for (;;) {
        const message = await inbox.next();
        if (message.kind === 'rows end') break;
        if (message.kind !== 'rows') throw new GranaryError('INTERNAL', `A writer got a message "${message.kind}".`);
        table.append(message.bytes);
        post({ kind: 'stored' });
      }
    } finally {
      table.finish();
    }
    const columns = fields.map(({ name }, index) => `${columnName(index)} AS ${quoteName(name)}`);
    const file = quoteText(path);
    await connection.run(
      `COPY (SELECT ${columns.join(', ')} FROM ${table.name}) TO ${file} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const sizes = await connection.runAndReadAll(
      `SELECT sum(total_compressed_size)::DOUBLE FROM parquet_metadata(${file}) GROUP BY column_id ORDER BY column_id`,
    );
    post({ kind: 'written', columnByteCounts: sizes.getRows().map(([bytes]) => Number(bytes)) });
  } catch (error) {
    const failure = inbox.cancelled ? new GranaryError('CANCELLED', 'The work was cancelled.') : error;
    const { code, message, details } = engineError(failure, 'run');
    post({ kind: 'error', error: { code, message, details } });
  } finally {
    inbox.close();
    connection?.disconnectSync();
    instance?.close();
  }
}
