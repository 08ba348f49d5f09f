import type { DuckDBConnection } from '@duckdb/node-api';
import { GranaryError } from '#core/kernel/index.ts';
import { createAssetView } from './create-asset-view.ts';
import type { Inbox } from './inbox.ts';
import type { QueriedAsset } from './plan-statement.ts';
import type { FromWork } from './query-messages.ts';
import { createSentTable } from './sent-table.ts';

/** Stores the rows that the node's side sends, and turns the view to them. */
export async function loadSentAsset(
  connection: DuckDBConnection,
  { description, fn, plan }: QueriedAsset,
  number: number,
  token: string,
  inbox: Inbox,
  post: (message: FromWork) => void,
): Promise<void> {
  const { fields } = description.schema;
  const columnName = (index: number) => (plan.columns.includes(fields[index]!.name) ? fn.columnName(index) : undefined);
  const table = await createSentTable(connection, `${token}_t${number}`, fields, columnName);
  try {
    for (;;) {
      const message = await inbox.next();
      if (message.kind === 'rows end') break;
      if (message.kind !== 'rows' || message.asset !== number) {
        throw new GranaryError('INTERNAL', `A query got a message "${message.kind}" instead of rows.`);
      }
      table.append(message.bytes);
      post({ kind: 'stored' });
    }
  } finally {
    table.finish();
  }
  await createAssetView(connection, description, table.name, columnName);
}
