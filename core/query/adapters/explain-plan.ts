import type { DuckDBConnection } from '@duckdb/node-api';
import { engineError } from './engine-error.ts';

/** A node of the engine's plan, as `EXPLAIN (FORMAT json)` writes it. */
export interface PlanNode {
  readonly name: string;
  readonly children: readonly PlanNode[];
  readonly extra_info: Readonly<Record<string, string | readonly string[]>>;
}

/** The optimised plan of a SELECT. Errors: `SQL_INVALID` with the engine's message. */
export async function explainPlan(connection: DuckDBConnection, select: string): Promise<readonly PlanNode[]> {
  try {
    return await readPlan(connection, `EXPLAIN (FORMAT json) ${select}`);
  } catch (error) {
    // The message shows the line at fault: it should be the caller's, without the EXPLAIN before it.
    await connection.prepare(select).catch((own: unknown) => {
      throw engineError(own, 'plan');
    });
    throw engineError(error, 'plan');
  }
}

/** Runs the SELECT and gives its plan with the rows and the time of each step. Errors: `QUERY_FAILED`. */
export async function analysePlan(connection: DuckDBConnection, select: string): Promise<readonly PlanNode[]> {
  const [root] = (await readPlan(connection, `EXPLAIN (ANALYZE, FORMAT json) ${select}`)) as readonly AnalysedNode[];
  return root ? root.children.map(analysedNode) : [];
}

interface AnalysedNode {
  readonly operator_name?: string;
  readonly operator_cardinality?: number;
  readonly operator_timing?: number;
  readonly extra_info: PlanNode['extra_info'];
  readonly children: readonly AnalysedNode[];
}

const analysedNode = (node: AnalysedNode): PlanNode => ({
  name: node.operator_name ?? '',
  children: node.children.map(analysedNode),
  extra_info: {
    ...node.extra_info,
    Rows: String(node.operator_cardinality ?? 0),
    Milliseconds: ((node.operator_timing ?? 0) * 1000).toFixed(3),
  },
});

async function readPlan(connection: DuckDBConnection, explain: string): Promise<readonly PlanNode[]> {
  const reader = await connection.runAndReadAll(explain);
  const plan: unknown = JSON.parse(String(reader.getRows()[0]?.[1]));
  return (Array.isArray(plan) ? plan : [plan]) as PlanNode[];
}

const ORDER_FREE = /GROUP_BY|AGGREGATE|ORDER_BY|TOP_N|WINDOW/;

/**
 * True when the order in which rows are scanned shows nowhere in the result: above every scan stands an aggregate or a
 * sort. Only then may several threads scan at once, because the engine cannot tell which of their rows came first.
 */
export function isOrderFree(plan: readonly PlanNode[], isScan: (node: PlanNode) => boolean): boolean {
  const free = (node: PlanNode): boolean => ORDER_FREE.test(node.name) || (!isScan(node) && node.children.every(free));
  return plan.every(free);
}

/** True when a scan may be left before its last row: a limit stands above it, with nothing between that needs all rows. */
export function isStoppedEarly(plan: readonly PlanNode[], isScan: (node: PlanNode) => boolean): boolean {
  const stopped = (node: PlanNode, isLimited: boolean): boolean => {
    if (isScan(node)) return isLimited;
    const below = /LIMIT/.test(node.name) || (isLimited && !ORDER_FREE.test(node.name));
    return node.children.some((child) => stopped(child, below));
  };
  return plan.some((node) => stopped(node, false));
}

/** The plan as indented text, names of the caller's in place of internal ones. */
export function planText(plan: readonly PlanNode[], rename: (text: string) => string): string {
  const lines: string[] = [];
  const visit = (node: PlanNode, depth: number): void => {
    const info = Object.entries(node.extra_info).map(([key, value]) => {
      const text = typeof value === 'string' ? value : value.join(', ');
      return `${key}: ${rename(text)}`;
    });
    lines.push(`${'  '.repeat(depth)}${rename(node.name.trim())}${info.length > 0 ? ` [${info.join('; ')}]` : ''}`);
    for (const child of node.children) visit(child, depth + 1);
  };
  for (const node of plan) visit(node, 0);
  return lines.join('\n');
}
