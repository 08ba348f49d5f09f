import { randomBytes } from 'node:crypto';
import {
  type EngineConnection,
  type EngineInstance,
  type InstanceOptions,
  openEngineInstance,
} from './engine-instance.ts';
import { registerScanFunction, type ScanFunction } from './scan-function.ts';

/** An instance of the engine, for one query alone, with an empty database in it that goes with the query. */
export interface EngineLease extends EngineConnection {
  /** Random: begins every name that we bring into the engine. */
  readonly token: string;
  /** The table function for the asset with this number within the query. */
  scanFunction(number: number): ScanFunction;
  /** Gives the instance back. After a query that did not end well it is closed, and nothing of it is used again. */
  end(endedWell: boolean): Promise<void>;
}

/** Instances kept open between queries: to open one takes ten times as long as to give it an empty database. */
export interface EnginePool {
  take(): Promise<EngineLease>;
  /** To be called when every lease has ended. */
  close(): Promise<void>;
}

interface Engine {
  readonly instance: EngineInstance;
  readonly token: string;
  /** Registered once: the engine has no way to forget a function. */
  readonly functions: ScanFunction[];
}

export function createEnginePool(options: InstanceOptions): EnginePool {
  const idle: Promise<Engine>[] = [];

  const open = async (): Promise<Engine> => {
    const instance = await openEngineInstance(options);
    return { instance, token: `g${randomBytes(12).toString('hex')}`, functions: [] };
  };
  const keep = (engine: Promise<Engine>): void => {
    // Whoever needs it sees the error; until then it is nobody's.
    engine.catch(() => undefined);
    idle.push(engine);
  };
  keep(open());

  const lease = async (engine: Engine): Promise<EngineLease> => {
    const { instance, token, functions } = engine;
    const { connection, handle } = await instance.connect();
    const database = `g${randomBytes(12).toString('hex')}`;
    await connection.run(`ATTACH ':memory:' AS ${database}; USE ${database}`);
    const clear = async (): Promise<Engine> => {
      for (const fn of functions) fn.release();
      await connection.run(`USE memory; DETACH ${database}`);
      connection.disconnectSync();
      return engine;
    };
    return {
      connection,
      handle,
      token,
      scanFunction: (number) => (functions[number] ??= registerScanFunction(connection, token, number)),
      async end(endedWell) {
        if (endedWell) {
          const cleared = clear().catch((error: unknown) => {
            instance.close();
            throw error;
          });
          keep(cleared);
          await cleared.catch(() => undefined);
        } else {
          connection.disconnectSync();
          instance.close();
        }
      },
    };
  };

  return {
    async take() {
      for (let engine = idle.pop(); engine; engine = idle.pop()) {
        const usable = await engine.catch(() => undefined);
        if (usable) return lease(usable);
      }
      return lease(await open());
    },
    async close() {
      for (const engine of idle.splice(0)) (await engine.catch(() => undefined))?.instance.close();
    },
  };
}
