import type { Table } from 'apache-arrow';
import { encodeRowGroup, ROW_GROUP_ROWS, withErrorBounds } from '#core/columnar/index.ts';
import { rebatch } from '#core/columnar/rebatch.ts';
import { atMost, type Measurement, reported } from './measure.ts';

const BOUNDED_MAX = 0.35;

/** Columns of sensors, whose last digits nobody needs. */
const SENSORS: Readonly<Record<string, readonly string[]>> = {
  'suthaharan-single-hop-sensor-network/data': ['humidity', 'temperature'],
  'vega-datasets/seattle-weather-hourly-normals': ['pressure', 'temperature', 'wind'],
  'vega-datasets/seattle-weather': ['temp_max', 'temp_min', 'wind'],
  'vega-datasets/weather': ['temp_max', 'temp_min', 'wind'],
  'vega-datasets/co2-concentration': ['CO2', 'adjusted CO2'],
  'vega-datasets/windvectors': ['speed'],
  synthetic: ['sensor, 2 decimals, daily', 'sensor, 1 decimal, single'],
};

/** Part of a column's range. */
const SENSOR_ERROR = 0.005;

export interface BoundedSize {
  readonly name: string;
  readonly exact: number;
  readonly bounded: number;
}

/** Sensors of a table with an error bound; encoding them proves that every value keeps it. */
export async function measureBounded(tableName: string, table: Table): Promise<BoundedSize[]> {
  const sizes: BoundedSize[] = [];
  for (const name of SENSORS[tableName] ?? []) {
    const column = table.select([name]);
    let [least, most] = [Infinity, -Infinity];
    for (const value of column.getChildAt(0)! as Iterable<number | null>) {
      if (value !== null && value < least) least = value;
      if (value !== null && value > most) most = value;
    }
    const schema = withErrorBounds(column.schema, { [name]: String((most - least) * SENSOR_ERROR) });
    let [exact, bounded] = [0, 0];
    const batches = async function* () {
      yield* column.batches;
    };
    for await (const { batch } of rebatch(schema, batches(), ROW_GROUP_ROWS)) {
      exact += encodeRowGroup(batch).chunks[0]!.byteCount;
      bounded += encodeRowGroup(batch, { bounded: true }).chunks[0]!.byteCount;
    }
    sizes.push({ name: `${tableName}.${name}`, exact, bounded });
  }
  return sizes;
}

const share = (value: number): string => value.toFixed(3);

export function boundedSummary(sizes: readonly BoundedSize[]): readonly Measurement[] {
  const mean = Math.exp(sizes.reduce((sum, { exact, bounded }) => sum + Math.log(bounded / exact), 0) / sizes.length);
  return [
    ...sizes.map(({ name, exact, bounded }) =>
      reported(`${name}, within 0.5 % of its range`, `${share(bounded / exact)} of ${exact} B`),
    ),
    atMost(`within 0.5 % of the range, geometric mean of ${sizes.length} sensors`, mean, BOUNDED_MAX, share),
  ];
}
